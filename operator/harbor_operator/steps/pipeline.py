"""Every step of a reconciliation, built from the ports and the sources of values that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from harbor_operator.model.release import SecretGenerator
from harbor_operator.ports.admission import AdmissionPolicyApi
from harbor_operator.ports.gateway import GatewayApi
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.ports.helm import Helm
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.ports.injected_secrets import InjectedSecrets
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.namespace_robots import NamespaceRobotManager
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.owned_objects import OwnedObjects
from harbor_operator.ports.postgres import Postgres
from harbor_operator.ports.redis import Redis
from harbor_operator.ports.release_objects import ReleaseObjects
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.steps import Step
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.backend_tls import BackendTlsReleaseStep
from harbor_operator.steps.cache import CacheStep
from harbor_operator.steps.configuration import ConfigurationStep
from harbor_operator.steps.configuration_sections import configuration_sections
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.empty_objects import EmptyObjects
from harbor_operator.steps.extra_hosts import HostCheckedReachabilityStep
from harbor_operator.steps.gateway import GatewayCheckedReachabilityStep
from harbor_operator.steps.injection_grants import InjectionGrants
from harbor_operator.steps.issued_certificates import IssuedCertificatesReleaseStep
from harbor_operator.steps.project_robots import ProjectRobotSection
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.pull_images import PullImages
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from harbor_operator.steps.pull_robot import PullRobot
from harbor_operator.steps.pull_secrets import BackgroundWork, PullSecretsStep
from harbor_operator.steps.reachability import ReachabilityStep
from harbor_operator.steps.release import ReleaseStep
from harbor_operator.steps.release_drift import DriftCheckedReleaseStep
from harbor_operator.steps.s3_account import S3Accounts
from harbor_operator.steps.sampled_pull_proof import ProofDeps, SampledPullProof
from harbor_operator.steps.secret_cache import CachedNamespaceResources
from harbor_operator.steps.storage import StorageStep, Stores
from harbor_operator.steps.storage_account import StorageAccounts
from harbor_operator.steps.storage_in_use import MigrationRecords, StorageInUse, StorageInUseStep
from harbor_operator.steps.storage_migration import MigrationStores, StorageMigrationSection
from harbor_operator.steps.storage_migration_harbor import MigrationHarbor
from harbor_operator.steps.stored_bytes import StoredBytes


@dataclass(frozen=True, slots=True)
class StepPorts:
    """The ports of all steps; `copies` is the Swift client of migrations, which must not take the slots of probes."""

    kube: NamespaceResources
    postgres: Postgres
    redis: Redis
    swift: ObjectStore
    copies: ObjectStore
    s3: S3Store
    rgw: RgwAdmin
    helm: Helm
    release_objects: ReleaseObjects
    owned_objects: OwnedObjects
    images: ImageProof
    harbor: HarborPorts
    gateway: GatewayApi
    admission: AdmissionPolicyApi
    injected: InjectedSecrets
    namespace_robots: NamespaceRobotManager
    background: BackgroundWork


@dataclass(frozen=True, slots=True)
class StepSources:
    """Where steps get random values and the time from; `monotonic` returns seconds."""

    make_password: Callable[[], SecretStr]
    make_name: Callable[[], str]
    generator: SecretGenerator
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class StepGrants:
    """The namespaces of which a registry may use Secrets, as patterns, and how many pulls are tried in them."""

    robot_secret_namespaces: tuple[str, ...]
    injection_namespaces: tuple[str, ...]
    proofs: ProofDeps


def pipeline(ports: StepPorts, sources: StepSources, grants: StepGrants) -> Sequence[Step]:
    """Returns every step, in reading order."""
    kube, password, clock = CachedNamespaceResources(ports.kube), sources.make_password, sources.clock
    harbor, probe = ports.harbor.harbor, ports.harbor.probe
    accounts, s3_accounts = StorageAccounts(kube, ports.rgw, password), S3Accounts(kube, ports.rgw, password)
    stored = StoredBytes(accounts, ports.swift, s3_accounts, ports.s3)
    empty = EmptyObjects(accounts, ports.swift, clock)
    robots = ProjectRobotSection(kube, ports.harbor, grants.robot_secret_namespaces, password, clock)
    records = MigrationRecords(kube)
    in_use = StorageInUse(records)
    measure, search = in_use.around(stored.measure), in_use.around(empty.search)
    storage = StorageStep(kube, Stores(ports.swift, ports.s3, ports.rgw), password, ports.postgres)
    reachability = ReachabilityStep(kube, probe, harbor, ports.images, clock)
    stores = MigrationStores(ports.copies, ports.s3, accounts, s3_accounts, sources.make_name)
    migrated = MigrationHarbor(ports.harbor.configuration, harbor, ports.images)
    sections = (
        *configuration_sections(kube, ports.harbor, measure, search, robots),
        StorageMigrationSection(records, storage, stores, migrated, sources.monotonic),
    )
    return (
        DatabaseStep(kube, ports.postgres, password, clock),
        CacheStep(kube, ports.redis),
        StorageInUseStep(storage, records),
        StorageInUseStep(_release(kube, ports, sources), records),
        GatewayCheckedReachabilityStep(
            HostCheckedReachabilityStep(reachability, kube, probe, clock), ports.gateway, clock
        ),
        ConfigurationStep(kube, AdminPassword(kube, harbor, ports.harbor.accounts, password), sections),
        _pull_secrets(kube, ports, sources, grants),
    )


def _release(kube: NamespaceResources, ports: StepPorts, sources: StepSources) -> Step:
    """Returns the release with what surrounds it: certificates before it, its drift and the policies after it."""
    release = ReleaseStep(kube, ports.postgres, ports.helm, sources.generator, sources.clock)
    issued = IssuedCertificatesReleaseStep(release, kube, ports.owned_objects)
    checked = DriftCheckedReleaseStep(issued, kube, ports.release_objects, sources.clock)
    return BackendTlsReleaseStep(checked, kube, ports.owned_objects)


def _pull_secrets(
    kube: NamespaceResources, ports: StepPorts, sources: StepSources, grants: StepGrants
) -> PullSecretsStep:
    harbor, probe, password = ports.harbor.harbor, ports.harbor.probe, sources.make_password
    injection = ports.background.injection
    robot = PullRobot(kube, probe, harbor, password, sources.clock)
    namespace_robots = PullNamespaceRobots(kube, harbor, ports.namespace_robots, password)
    credential = PullCredential(kube, probe, harbor, robot, namespace_robots)
    images = PullImages(kube, harbor, ports.harbor.projects, credential)
    return PullSecretsStep(
        InjectionGrants(kube, grants.injection_namespaces),
        credential,
        ports.background,
        PullAdmission(ports.admission, sources.monotonic),
        SampledPullProof(injection, ports.injected, probe, images, grants.proofs),
    )
