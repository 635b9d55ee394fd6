"""A pass reads each Secret once; a pass over a complete registry counts it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.api.v1alpha1 import Metadata
from harbor_operator.injector.namespace_robots import NamespaceRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.model.cache import Address, ObservedCache
from harbor_operator.model.kubernetes import StoredSecret, Workload
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.ports import Unavailable
from harbor_operator.ports.registry_status import RegistryStatusApi
from harbor_operator.reconciler import Reconciler, ReconcileResult
from harbor_operator.steps import Step
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.cache import CacheStep
from harbor_operator.steps.configuration import ConfigurationStep
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.injection_grants import InjectionGrants
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.pull_images import PullImages
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from harbor_operator.steps.pull_robot import PullRobot
from harbor_operator.steps.pull_secrets import BackgroundWork, PullSecretsStep
from harbor_operator.steps.reachability import ReachabilityStep
from harbor_operator.steps.release import ReleaseStep
from harbor_operator.steps.sampled_pull_proof import ProofDeps, SampledPullProof
from harbor_operator.steps.secret_cache import CachedNamespaceResources, one_pass
from harbor_operator.steps.storage import StorageStep, Stores
from tests.fakes.admission import FakeAdmission
from tests.fakes.cluster_identity import FakeClusterIdentity
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_accounts import FakeHarborAccounts
from tests.fakes.harbor_projects import FakeHarborProjects, project_section
from tests.fakes.helm import FakeHelm
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.injected_secrets import FakeInjectedSecrets
from tests.fakes.injection import FakeInjection
from tests.fakes.kube import FakeKube
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.postgres import FakePostgres
from tests.fakes.redis import FakeNode, FakeRedis
from tests.fakes.release import EXTERNAL, generator
from tests.fakes.release_fixture import CR_CA, S3_CA
from tests.fakes.rgw_admin import FakeRgwAdmin
from tests.fakes.s3_store import FakeS3Store
from tests.fakes.stuck_pods import FakeStuckPodEviction
from tests.unit.steps.pull_secrets_fixture import DEPS, CountedProofs

NAMESPACE, NAME, USER = "intra", "secret", "harbor:registry"
OWNER = {"owner": "us"}


def password() -> SecretStr:
    return SecretStr("Generated1password")


class DiscardedStatuses(RegistryStatusApi):
    """Accepts every status and event."""

    @override
    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> str:
        return "2"

    @override
    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        pass

    @override
    async def post_operator_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        pass

    @override
    async def read(self, metadata: Metadata) -> dict[str, Any] | None:
        return None

    @override
    async def is_namespace_terminating(self, namespace: str) -> bool:
        return False


class PipelineFixture:
    """Every step of the operator on fakes, and one registry that uses all of them."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC)
        self.kube = FakeKube()
        self.helm = FakeHelm(self.kube, lambda: self.now)
        self.harbor = FakeHarbor(admin_password="Admin-pass-1")
        self.injection = FakeInjection()
        self.injection.progress = PullSecretFacts(namespaces=3, ready=3, failed=0)
        self.postgres = FakePostgres()
        admin = {"username": "admin", "password": self.postgres.admin_password}
        self.kube.put(NAMESPACE, "pg-admin", admin)
        self.kube.put(NAMESPACE, "redis", {"password": "redis-pass"})
        self.kube.put(NAMESPACE, "swift", {"username": USER, "password": "key"})
        self.kube.put(NAMESPACE, "s3-ca", {"ca.crt": S3_CA})
        self.kube.put(NAMESPACE, "cr-ca", {"ca.crt": CR_CA})
        self.kube.put(NAMESPACE, "harbor-admin", {"password": self.harbor.accounts["admin"][0]})
        self.reconciler = Reconciler(self._steps(), DiscardedStatuses(), lambda: self.now, FakeClusterIdentity())
        self.body: dict[str, Any] = {
            "metadata": {"name": "cr", "namespace": NAMESPACE, "uid": "u-1", "generation": 1, "resourceVersion": "1"},
            "spec": {
                "externalURL": "https://cr.example.com",
                "release": {"version": "1.19.1"},
                "adminPasswordSecretRef": {"name": "harbor-admin"},
                "projects": [{"name": "team-a"}],
                "pullSecrets": {"credential": {"robot": {}}},
                **EXTERNAL,
            },
        }

    def _steps(self) -> tuple[Step, ...]:
        kube, harbor, logins = CachedNamespaceResources(self.kube), self.harbor, {USER: "key"}
        redis = FakeRedis({Address("redis.example.com", 6379): FakeNode(ObservedCache("Redis 7"), "redis-pass")})
        store, rgw = FakeObjectStore(logins), FakeRgwAdmin(logins)
        robot = PullRobot(kube, harbor, harbor, password, lambda: harbor.now)
        manager = NamespaceRobots(RobotWorker(harbor, harbor, lambda: harbor.now), FakeInjection(), DEPS)
        namespace_robots = PullNamespaceRobots(kube, harbor, manager, password)
        credential = PullCredential(kube, harbor, harbor, robot, namespace_robots)
        admin = AdminPassword(kube, harbor, FakeHarborAccounts(harbor), password)
        admission = PullAdmission(FakeAdmission(), lambda: 0.0)
        images = PullImages(kube, harbor, FakeHarborProjects(harbor), credential)
        deps = ProofDeps(3, 600.0, lambda: self.now, CountedProofs())
        proof = SampledPullProof(self.injection, FakeInjectedSecrets(), harbor, images, deps)
        background = BackgroundWork(self.injection, FakeStuckPodEviction())
        return (
            DatabaseStep(kube, self.postgres, password),
            CacheStep(kube, redis),
            StorageStep(kube, Stores(store, FakeS3Store(), rgw), password, self.postgres),
            ReleaseStep(kube, self.postgres, self.helm, generator(), lambda: self.now),
            ReachabilityStep(kube, harbor, harbor, FakeImageProof(), lambda: self.now),
            ConfigurationStep(kube, admin, [project_section(harbor)]),
            PullSecretsStep(InjectionGrants(kube, ("*",)), credential, background, admission, proof),
        )

    async def converged(self) -> ReconcileResult:
        """Runs passes until the registry is Ready."""
        first = await self.reconciler.reconcile(self.body)
        assert self.helm.running(NAMESPACE, "cr"), first.status["conditions"]
        self.helm.finish(NAMESPACE, "cr")
        self.kube.workloads[NAMESPACE, "release=cr"] = [Workload("Deployment", "core", 1, 1, 1, observed=True)]
        return await self.reconciler.reconcile(self.body)


async def test_a_pass_over_a_converged_registry_reads_each_secret_once_and_writes_none() -> None:
    """Its own are read in one request; the spec references the others."""
    pipeline = PipelineFixture()
    result = await pipeline.converged()
    ready = next(item for item in result.status["conditions"] if item["type"] == "Ready")
    assert ready["status"] == "True", ready["message"]
    pipeline.kube.reads.clear()
    pipeline.kube.listings.clear()
    pipeline.kube.writes.clear()
    result = await pipeline.reconciler.reconcile(pipeline.body)
    assert max(Counter(pipeline.kube.reads).values()) == 1
    used = {name for _, name in pipeline.kube.secrets if not name.startswith("sh.helm")}
    given = {name for name in used if not name.startswith("hreg-cr-")}
    assert {read.removeprefix(f"{NAMESPACE}/") for read in pipeline.kube.reads} == given
    assert len([listing for listing in pipeline.kube.listings if "owner!=helm" in listing]) == 1
    assert pipeline.kube.writes == []
    assert {name for _, name in result.secret_versions} == used


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


async def test_versions_are_those_of_what_was_read_and_written(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    given = kube.put(NAMESPACE, "given", {"a": "b"})
    with one_pass() as cache:
        for name in ("given", "absent", "given", "absent"):
            await cached.read_secret(NAMESPACE, name)
        for _ in range(2):
            await cached.ensure_secret(NAMESPACE, "ours", lambda: {"a": SecretStr("1")}, OWNER)
            await cached.apply_secret(NAMESPACE, "copy", {"b": SecretStr("2")}, OWNER)
    assert cache.versions() == {
        (NAMESPACE, "given"): given.resource_version,
        (NAMESPACE, "absent"): "",
        (NAMESPACE, "ours"): kube.secrets[NAMESPACE, "ours"].resource_version,
        (NAMESPACE, "copy"): kube.secrets[NAMESPACE, "copy"].resource_version,
    }
    assert kube.reads == [f"{NAMESPACE}/{name}" for name in ("given", "absent", "ours", "copy")]
    assert kube.writes == [f"write {NAMESPACE}/ours", f"write {NAMESPACE}/copy"]


async def test_the_next_pass_reads_again(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    kube.put(NAMESPACE, NAME, {"a": "old"})
    with one_pass():
        await cached.read_secret(NAMESPACE, NAME)
    kube.put(NAMESPACE, NAME, {"a": "new"})
    with one_pass():
        stored = await cached.read_secret(NAMESPACE, NAME)
    assert stored
    assert stored.values["a"].get_secret_value() == "new"


async def test_own_writes_replace_what_was_read(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    with one_pass():
        assert await cached.read_secret(NAMESPACE, NAME) is None
        await cached.apply_secret(NAMESPACE, NAME, {"a": SecretStr("1")}, OWNER)
        stored = await cached.read_secret(NAMESPACE, NAME)
        assert stored
        await cached.patch_secret(NAMESPACE, NAME, {"stringData": {"a": "2"}}, stored.resource_version)
        stored = await cached.read_secret(NAMESPACE, NAME)
        assert stored
        assert stored.values["a"].get_secret_value() == "2"
        await cached.remove_secret(NAMESPACE, NAME, OWNER)
        assert await cached.read_secret(NAMESPACE, NAME) is None


async def test_a_failed_read_is_not_cached(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    kube.put(NAMESPACE, NAME, {"a": "b"})
    with one_pass():
        kube.down = True
        with pytest.raises(Unavailable):
            await cached.read_secret(NAMESPACE, NAME)
        kube.down = False
        assert await cached.read_secret(NAMESPACE, NAME)


async def test_passes_that_run_at_the_same_time_do_not_share(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    kube.put(NAMESPACE, NAME, {"a": "b"})
    both = asyncio.Barrier(2)

    async def run() -> int:
        with one_pass() as cache:
            await both.wait()
            await cached.read_secret(NAMESPACE, NAME)
            return len(cache.secrets)

    assert list(await asyncio.gather(run(), run())) == [1, 1]
    assert len(kube.reads) == 2


async def test_a_task_that_outlives_its_pass_reads_again(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    kube.put(NAMESPACE, NAME, {"a": "old"})
    ended = asyncio.Event()

    async def read_later() -> StoredSecret | None:
        await ended.wait()
        return await cached.read_secret(NAMESPACE, NAME)

    with one_pass() as cache:
        await cached.read_secret(NAMESPACE, NAME)
        later = asyncio.create_task(read_later())
    assert list(cache.versions()) == [(NAMESPACE, NAME)]
    kube.put(NAMESPACE, NAME, {"a": "new"})
    ended.set()
    stored = await later
    assert stored
    assert stored.values["a"].get_secret_value() == "new"


async def test_outside_a_pass_nothing_is_cached(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    kube.put(NAMESPACE, NAME, {"a": "b"})
    for _ in range(2):
        await cached.read_secret(NAMESPACE, NAME)
    assert len(kube.reads) == 2
