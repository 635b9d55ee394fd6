"""The whole operator in one process: its reconciler, its steps as in `app.py`, the fakes, and a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import urlsplit

from pydantic import SecretStr

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.namespace_robots import NamespaceRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.model.kubernetes import Workload
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.model.reachability import Certificate, V2Response
from harbor_operator.model.release import DesiredRelease
from harbor_operator.plan.release import unwrap_secrets
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.reconciler import Reconciler
from harbor_operator.steps import Step
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.cache import CacheStep
from harbor_operator.steps.configuration import ConfigurationStep
from harbor_operator.steps.configuration_sections import configuration_sections
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.empty_objects import EmptyObjects
from harbor_operator.steps.extra_hosts import HostCheckedReachabilityStep
from harbor_operator.steps.gateway import GatewayCheckedReachabilityStep
from harbor_operator.steps.injection_grants import InjectionGrants
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
from tests.campaign.registry_object import StoredRegistry
from tests.fakes.admission import FakeAdmission
from tests.fakes.cluster_identity import FakeClusterIdentity
from tests.fakes.gateway import FakeGatewayApi
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_accounts import FakeHarborAccounts
from tests.fakes.harbor_logins import FakeHarborLogins
from tests.fakes.harbor_project_policies import FakeHarborImmutableTags, FakeHarborRetention, FakeHarborWebhooks
from tests.fakes.harbor_projects import FakeHarborProjects, FakeHarborRegistries
from tests.fakes.harbor_replications import FakeHarborReplications
from tests.fakes.harbor_schedules import FakeHarborSchedules
from tests.fakes.helm import FakeHelm
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.injected_secrets import FakeInjectedSecrets
from tests.fakes.injection import FakeInjection
from tests.fakes.kube import FakeKube
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.oidc_provider import FakeOidcProvider
from tests.fakes.postgres import FakePostgres
from tests.fakes.redis import FakeRedis
from tests.fakes.release import generator
from tests.fakes.release_objects import FakeReleaseObjects
from tests.fakes.rgw_admin import FakeRgwAdmin
from tests.fakes.s3_store import FakeS3Store
from tests.fakes.stuck_pods import FakeStuckPodEviction
from tests.unit.injector.fixture import Metrics
from tests.unit.steps.pull_secrets_fixture import CountedProofs

READY = (Workload("Deployment", "cr-harbor-core", 1, 1, 1, observed=True),)
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMESPACE = "intra"
NAME = "cr"
CLUSTER = "cluster-1"


class Servers:
    """Everything outside of the operator, in memory; a test changes it between two passes."""

    def __init__(self) -> None:
        self.now = START
        self.is_installed = False
        self.deployed: dict[tuple[str, str], DesiredRelease] = {}
        self.kube = FakeKube()
        self.postgres = FakePostgres()
        self.redis = FakeRedis()
        self.logins: dict[str, str] = {}
        self.keys: dict[str, SecretStr] = {}
        self.swift = FakeObjectStore(self.logins)
        self.s3 = FakeS3Store(self.keys)
        self.rgw = FakeRgwAdmin(self.logins, keys=self.keys)
        self.helm = FakeHelm(self.kube, self.clock)
        self.release_objects = FakeReleaseObjects()
        self.images = FakeImageProof()
        self.gateway = FakeGatewayApi()
        self.admission = FakeAdmission()
        self.injection = FakeInjection()
        self.injection.progress = PullSecretFacts(namespaces=3, ready=3, failed=0)
        self.harbor = FakeHarbor()
        self.harbor.project_creation = "adminonly"
        self.settings = FakeHarborLogins()
        self.projects = FakeHarborProjects(self.harbor)
        self.ports = HarborPorts(
            harbor=self.harbor,
            probe=self.harbor,
            accounts=FakeHarborAccounts(self.harbor),
            configuration=self.settings,
            logins=self.settings,
            projects=self.projects,
            registries=FakeHarborRegistries(),
            immutable_tags=FakeHarborImmutableTags(),
            retention=FakeHarborRetention(self.harbor),
            webhooks=FakeHarborWebhooks(),
            replications=FakeHarborReplications(),
            schedules=FakeHarborSchedules(),
            provider=FakeOidcProvider(),
        )

    def clock(self) -> datetime:
        """Returns the time of every clock in the process."""
        return self.now

    def seconds(self) -> float:
        """Returns the monotonic clock."""
        return (self.now - START).total_seconds()

    def advance(self, seconds: float) -> None:
        """Lets time pass, and ends the runs of Helm that have begun: Harbor then runs with the values of the chart."""
        self.now += timedelta(seconds=seconds)
        self.harbor.now = self.now
        for (namespace, name), run in list(self.helm._runs.items()):
            self.helm.finish(namespace, name)
            self.kube.workloads[namespace, f"release={name}"] = list(READY) if run.desired else []
            if run.desired:
                self.deployed[namespace, name] = run.desired
                self._start_harbor(namespace, run.desired)

    def _start_harbor(self, namespace: str, desired: DesiredRelease) -> None:
        values = unwrap_secrets(desired.values)
        url = values["externalURL"]
        self.harbor.url = url
        self.harbor.v2_response = V2Response(401, f'Bearer realm="{url}/service/token",service="harbor-registry"')
        host = urlsplit(url).hostname or ""
        self.harbor.certificate = Certificate((host,), datetime(2030, 1, 1, tzinfo=UTC))
        if not self.is_installed:  # the chart sets the password of the administrator at the first start only
            self.is_installed = True
            secret = self.kube.values(namespace, values["existingSecretAdminPassword"])
            self.harbor.accounts["admin"] = (secret[values["existingSecretAdminPasswordKey"]], True)

    @property
    def writes(self) -> list[str]:
        """Every change that the operator has made, of all servers."""
        ports = self.ports
        sources: dict[str, Sequence[object]] = {
            "kube": self.kube.writes,
            "postgres": self.postgres.changes,
            "swift": self.swift.writes,
            "s3": self.s3.writes,
            "rgw": self.rgw.writes,
            "helm": self.helm.started,
            "objects": self.release_objects.applied,
            "admission": self.admission.writes,
            "injection": ["change"] * self.injection.changes,
            "harbor": self.harbor.writes,
            "settings": self.settings.writes,
            "images": self.images.pushed,
            "registries": ports.registries.writes,  # type: ignore[attr-defined]
            "immutable tags": ports.immutable_tags.writes,  # type: ignore[attr-defined]
            "retention": ports.retention.writes,  # type: ignore[attr-defined]
            "webhooks": ports.webhooks.writes,  # type: ignore[attr-defined]
            "replications": ports.replications.writes,  # type: ignore[attr-defined]
            "schedules": ports.schedules.writes,  # type: ignore[attr-defined]
        }
        return [f"{name}: {write}" for name, writes in sources.items() for write in writes]


class Deployment:
    """One registry and the operator that reconciles it."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.object = StoredRegistry(NAMESPACE, NAME)
        self._numbers = count(1)
        self.reconciler = Reconciler(self._steps(), self.object, servers.clock, FakeClusterIdentity(CLUSTER))

    def make_password(self) -> SecretStr:
        """Returns another password at each call."""
        return SecretStr(f"GeneratedPassw0rd{next(self._numbers)}")

    def _steps(self) -> Sequence[Step]:
        on, password = self.servers, self.make_password
        kube = CachedNamespaceResources(on.kube)
        accounts, s3_accounts = StorageAccounts(kube, on.rgw, password), S3Accounts(kube, on.rgw, password)
        stored = StoredBytes(accounts, on.swift, s3_accounts, on.s3)
        records = MigrationRecords(kube)
        in_use = StorageInUse(records)
        measure = in_use.around(stored.measure)
        search = in_use.around(EmptyObjects(accounts, on.swift, on.clock).search)
        storage = StorageStep(kube, Stores(on.swift, on.s3, on.rgw), password, on.postgres)
        release = ReleaseStep(kube, on.postgres, on.helm, generator(), on.clock)
        reachability = ReachabilityStep(kube, on.harbor, on.harbor, on.images, on.clock)
        stores = MigrationStores(on.swift, on.s3, accounts, s3_accounts, lambda: "unique")
        migrated = MigrationHarbor(on.settings, on.harbor, on.images)
        robots = ProjectRobotSection(kube, on.ports, (f"{NAMESPACE}/build",), password, on.clock)
        sections = (
            *configuration_sections(kube, on.ports, measure, search, robots),
            StorageMigrationSection(records, storage, stores, migrated, on.seconds),
        )
        return (
            DatabaseStep(kube, on.postgres, password, on.clock),
            CacheStep(kube, on.redis),
            StorageInUseStep(storage, records),
            StorageInUseStep(DriftCheckedReleaseStep(release, kube, on.release_objects, on.clock), records),
            GatewayCheckedReachabilityStep(
                HostCheckedReachabilityStep(reachability, kube, on.harbor, on.clock), on.gateway, on.clock
            ),
            ConfigurationStep(kube, AdminPassword(kube, on.harbor, on.ports.accounts, password), sections),
            self._pull_secrets(kube, password),
        )

    def _pull_secrets(self, kube: CachedNamespaceResources, password: Callable[[], SecretStr]) -> PullSecretsStep:
        on, harbor = self.servers, self.servers.harbor
        deps = RuntimeDeps(on.seconds, lambda: 0.5, lambda _: asyncio.sleep(0), Metrics())
        manager = NamespaceRobots(RobotWorker(harbor, harbor, on.clock), on.injection, deps)
        robot = PullRobot(kube, harbor, harbor, password, on.clock)
        credential = PullCredential(kube, harbor, harbor, robot, PullNamespaceRobots(kube, harbor, manager, password))
        images = PullImages(kube, harbor, on.ports.projects, credential)
        proofs = ProofDeps(3, 600.0, on.clock, CountedProofs())
        return PullSecretsStep(
            InjectionGrants(kube, (NAMESPACE,)),
            credential,
            BackgroundWork(on.injection, FakeStuckPodEviction()),
            PullAdmission(on.admission, on.seconds),
            SampledPullProof(on.injection, FakeInjectedSecrets(), harbor, images, proofs),
        )
