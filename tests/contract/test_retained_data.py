"""Every combination of `deletionPolicy`: what a deletion leaves, and what a registry of that name finds afterwards.

PostgreSQL, the RADOS gateway, the API server and Helm are real. The second cluster has an API server in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Blocked, ConditionType, Done, Outcome
from harbor_operator.plan import names
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.postgres import Postgres
from lab.registries import Registry
from tests.contract.database_server import server_of_module  # noqa: F401 - the fixture
from tests.contract.gateway import KEY, Gateway
from tests.contract.helm_fixture import now, write_chart
from tests.contract.image_places import ImagePlace, S3Place, SwiftPlace
from tests.contract.retained_fixture import NAMESPACE, ROW, Cluster, Held, RetainedFixture
from tests.contract.s3_servers import rgw_account
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

DELETE_ALL = {"database": "Delete", "storage": "Delete"}
POLICIES = [
    dict(zip(("release", "database", "storage"), map(str, policies), strict=True))
    for policies in itertools.product(DeletionPolicy, repeat=3)
]


# A retained release retains all data, so that one kind of store is enough for it.
CASES = [
    (kind, policy)
    for kind, policy in itertools.product(("s3", "swift"), POLICIES)
    if kind == "s3" or policy["release"] == "Delete"
]


def describe(case: tuple[str, dict[str, str]]) -> str:
    kind, policy = case
    return "-".join([kind, *(key for key, value in policy.items() if value == "Retain")])


@pytest.fixture(scope="module")
def make_place(gateway: Gateway) -> Callable[[str, str], ImagePlace]:
    """Makes a place by its kind and name, in one account of the gateway for each kind."""
    swift = gateway.account(gateway.ceph.create_swift_user("retained-swift", "swift", KEY))
    s3 = rgw_account(gateway, "retained-s3")
    return lambda kind, name: SwiftPlace(swift, name) if kind == "swift" else S3Place(s3, name)


@pytest.fixture(scope="module", autouse=True)
def namespace(plane: ControlPlane) -> None:
    """The namespace of the registries."""
    Registry(plane, NAMESPACE, "cr").prepare()


@pytest.fixture
async def cluster(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Cluster]:
    """The first cluster, with the rights that the operator is shipped with."""
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    async with KubernetesClient(connection) as http:
        settings = HelmSettings(str(program("helm")), tmp_path / "helm", connection, ChartSources((), (str(tmp_path),)))
        helm = SubprocessHelm(settings, KubernetesReleaseIdentity(http), now)
        yield Cluster("cluster-1", KubernetesNamespaceResources(http), helm)
        await helm.aclose()


@pytest.fixture(params=CASES, ids=describe)
def case(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    """The kind of the store, and the policy of the deletion."""
    found: tuple[str, dict[str, str]] = request.param
    return found


@pytest.fixture
def fixture(
    case: tuple[str, dict[str, str]],
    plane: ControlPlane,
    server: Postgres,
    make_place: Callable[[str, str], ImagePlace],
    tmp_path: Path,
) -> RetainedFixture:
    """A registry of the test's own."""
    kind, policy = case
    name = f"{kind}-{POLICIES.index(policy)}"
    fixture = RetainedFixture(server, make_place(kind, name), name, write_chart(tmp_path / "chart"))
    Registry(plane, NAMESPACE, name).put_secrets(fixture.secrets)
    return fixture


async def test_nothing_that_is_retained_is_lost(
    fixture: RetainedFixture, cluster: Cluster, case: tuple[str, dict[str, str]]
) -> None:
    _, policy = case
    await fixture.place.prepare()
    assert_installed(await cluster.reconcile(fixture.registry(cluster)))
    await fixture.fill(cluster)
    before = await fixture.held(cluster)
    assert (before.rows, len(before.images), len(before.revisions)) == ([ROW], 1, 1)

    await cluster.teardown(fixture.registry(cluster, policy))
    left = await fixture.held(cluster)
    assert left == expected(before, policy)

    await another_cluster_changes_nothing(fixture, cluster, left)

    fixture.uid = "uid-2"
    found = await cluster.reconcile(fixture.registry(cluster))
    adopts = bool(left.images) and not left.rows
    if adopts:
        refused(found[ConditionType.STORAGE], "a dump into the database", "adoptExisting: true")
        assert ConditionType.RELEASE not in found
        found = await cluster.reconcile(fixture.registry(cluster, adoptExisting=True))
    assert_installed(found)
    after = await fixture.held(cluster)
    assert (after.rows, after.images) == (left.rows, left.images)
    assert_same_keys(before, after, is_kept=bool(left.rows))

    await cluster.teardown(fixture.registry(cluster, DELETE_ALL))
    assert await fixture.held(cluster) == Held([], [], left.images if adopts else [], {})


async def test_a_dump_is_used_with_the_secrets_of_its_harbor(
    cluster: Cluster,
    plane: ControlPlane,
    server: Postgres,
    make_place: Callable[[str, str], ImagePlace],
    tmp_path: Path,
) -> None:
    """The remedy for images whose database was deleted."""
    fixture = RetainedFixture(server, make_place("s3", "dump"), "dump", write_chart(tmp_path / "chart"))
    Registry(plane, NAMESPACE, "dump").put_secrets(fixture.secrets)
    await fixture.place.prepare()
    assert_installed(await cluster.reconcile(fixture.registry(cluster)))
    await fixture.fill(cluster)
    before = await fixture.held(cluster)
    await cluster.teardown(fixture.registry(cluster, {"database": "Delete"}))

    fixture.uid = "uid-2"
    again = fixture.registry(cluster)
    found = await cluster.reconcile(again)
    refused(found[ConditionType.STORAGE], "Restore Secret 'hreg-dump-pins' and Secret 'hreg-dump-admin-password'")
    await fixture.put_row(cluster)
    found = await cluster.reconcile(again)
    refused(found[ConditionType.RELEASE], "'secretKey'", reason=Reason.GENERATED_SECRETS_MISSING)
    backup = {name: before.secrets[name] for name in names.data_secrets(again)}
    for name, values in backup.items():
        secrets = {key: SecretStr(value) for key, value in values.items()}
        await cluster.kube.apply_secret(NAMESPACE, name, secrets, names.owner_labels(again))
    assert_installed(await cluster.reconcile(again))

    after = await fixture.held(cluster)
    assert (after.rows, after.images) == (before.rows, before.images)
    assert backup.items() <= after.secrets.items()
    await cluster.teardown(fixture.registry(cluster, DELETE_ALL))
    assert await fixture.held(cluster) == Held([], [], [], {})


async def test_the_database_of_the_chart_stays_with_its_secrets_and_its_version(
    cluster: Cluster, tmp_path: Path
) -> None:
    """No policy removes the volume of the chart's database."""
    chart = write_chart(tmp_path / "chart")

    def registry(uid: str, version: str = "1.19.1") -> HarborRegistry:
        release = {"version": version, "chart": chart}
        spec = {"externalURL": "https://cr.example.com", "release": release, "deletionPolicy": DELETE_ALL}
        metadata = {"name": "own-database", "namespace": NAMESPACE, "uid": uid}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec}, cluster.identity)

    await cluster.reconcile(registry("uid-1"))
    before = await cluster.kube.read_secret(NAMESPACE, "hreg-own-database-pins")
    assert before
    await cluster.teardown(registry("uid-1"))

    older = (await cluster.reconcile(registry("uid-2", "1.18.2")))[ConditionType.RELEASE]
    refused(older, "chart '1.19.1' has left its database", "or newer", reason=Reason.UPGRADE_REFUSED)
    found = await cluster.reconcile(registry("uid-3"))
    assert found[ConditionType.RELEASE].reason is Reason.WORKLOADS_NOT_READY
    after = await cluster.kube.read_secret(NAMESPACE, "hreg-own-database-pins")
    assert after
    assert before.values.items() <= after.values.items()
    await cluster.teardown(registry("uid-3"))


def expected(before: Held, policy: dict[str, str]) -> Held:
    """Returns what a deletion leaves: a retained release retains its data, and a database its Secrets."""
    kept = {data for data, chosen in policy.items() if chosen == "Retain"}
    left = before
    if "release" in kept:
        return left
    left = replace(left, revisions=[])
    if "database" not in kept:
        left = replace(left, rows=[], secrets={})
    return left if "storage" in kept else replace(left, images=[])


async def another_cluster_changes_nothing(fixture: RetainedFixture, cluster: Cluster, left: Held) -> None:
    """The same manifest in a second cluster, which is then deleted with everything that it has."""
    kube = FakeKube()
    other = Cluster("cluster-2", kube)
    for name, values in fixture.secrets.items():
        kube.put(NAMESPACE, name, values)
    found = await other.reconcile(fixture.registry(other))
    if left.rows:
        refused(found[ConditionType.DATABASE], "`spec.database.names.core`", reason=Reason.DATABASE_OWNED_BY_OTHER)
    else:
        assert isinstance(found[ConditionType.DATABASE], Done)
    if left.images:
        refused(found[ConditionType.STORAGE], "in cluster 'cluster-1'", "adoptExisting: true")
    else:
        assert isinstance(found[ConditionType.STORAGE], Done)
    await other.teardown(fixture.registry(other, DELETE_ALL))
    assert await fixture.held(cluster) == left


def assert_installed(outcomes: dict[ConditionType, Outcome]) -> None:
    """The chart has no workloads, so that a release without an error ends there."""
    reasons = {condition: outcome.reason for condition, outcome in outcomes.items()}
    assert reasons == {
        ConditionType.DATABASE: Reason.CONVERGED,
        ConditionType.STORAGE: Reason.CONVERGED,
        ConditionType.RELEASE: Reason.WORKLOADS_NOT_READY,
    }, outcomes


def assert_same_keys(before: Held, after: Held, *, is_kept: bool) -> None:
    """Harbor reads a database with the key that it had; a new database gets new Secrets."""
    assert before.secrets.keys() == after.secrets.keys()
    for name in before.secrets:
        assert (before.secrets[name] == after.secrets[name]) is is_kept, name


def refused(outcome: Outcome, *words: str, reason: Reason = Reason.STORAGE_CONTAINER_REFUSED) -> None:
    assert isinstance(outcome, Blocked), outcome
    assert outcome.reason is reason
    for word in words:
        assert word in outcome.message
