"""The whole operator in one process: its reconciler and its steps, the fakes, and a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
from harbor_operator.steps.pipeline import StepGrants, StepPorts, StepSources, pipeline
from harbor_operator.steps.pull_secrets import BackgroundWork
from harbor_operator.steps.sampled_pull_proof import ProofDeps
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
from tests.fakes.owned_objects import FakeOwnedObjects
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
        self.owned_objects = FakeOwnedObjects()
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
            "owned objects": self.owned_objects.writes,
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
        on = self.servers
        deps = RuntimeDeps(on.seconds, lambda: 0.5, lambda _: asyncio.sleep(0), Metrics())
        ports = StepPorts(
            kube=on.kube,
            postgres=on.postgres,
            redis=on.redis,
            swift=on.swift,
            copies=on.swift,
            s3=on.s3,
            rgw=on.rgw,
            helm=on.helm,
            release_objects=on.release_objects,
            owned_objects=on.owned_objects,
            images=on.images,
            harbor=on.ports,
            gateway=on.gateway,
            admission=on.admission,
            injected=FakeInjectedSecrets(),
            namespace_robots=NamespaceRobots(RobotWorker(on.harbor, on.harbor, on.clock), on.injection, deps),
            background=BackgroundWork(on.injection, FakeStuckPodEviction()),
        )
        sources = StepSources(self.make_password, lambda: "unique", generator(), on.clock, on.seconds)
        proofs = ProofDeps(3, 600.0, on.clock, CountedProofs())
        return pipeline(ports, sources, StepGrants((f"{NAMESPACE}/build",), (NAMESPACE,), proofs))
