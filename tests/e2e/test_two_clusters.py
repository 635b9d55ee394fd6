"""One manifest in two clusters that share Harbor, PostgreSQL and the object store: side by side, or refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.observer import Observer
from lab.process import wait_until
from tests.e2e.clusters import Backends, Cluster, two_clusters
from tests.e2e.queries import container_mark, pull_secret, wait_passes

pytestmark = pytest.mark.e2e

FIRST, SECOND = "harbor_first", "harbor_second"
"""Database and container of each registry."""
GENERATED = ("hreg-cr-database-login", "hreg-cr-pull-robot", "swift")


@pytest.fixture(scope="module")
def clusters() -> Iterator[tuple[Cluster, Cluster]]:
    with two_clusters() as clusters:
        yield clusters


@pytest.fixture(scope="module")
def backends(clusters: tuple[Cluster, Cluster]) -> Backends:
    return clusters[0].backends


@pytest.fixture(scope="module")
def first(clusters: tuple[Cluster, Cluster]) -> Cluster:
    """The cluster that used the servers first, with its registry ready."""
    first = clusters[0]
    first.registry.apply(first.spec(FIRST))
    first.registry.wait_ready()
    return first


@pytest.fixture
def second(clusters: tuple[Cluster, Cluster], first: Cluster) -> Iterator[Cluster]:
    """The other cluster; the test applies its registry."""
    yield clusters[1]
    clusters[1].registry.delete()


def assert_nothing_is_written(backends: Backends, *clusters: Cluster) -> None:
    """Asserts that further passes of these operators change nothing outside of the clusters."""
    mark = backends.mark()
    wait_passes([cluster.running_operator.operator for cluster in clusters], 1)
    assert backends.writes_since(mark) == []


def test_with_other_data_both_are_ready_and_each_leaves_what_the_other_has(
    first: Cluster, second: Cluster, backends: Backends
) -> None:
    """Findings F1, D4, D5 and D6."""
    before = backends.state(FIRST)
    second.registry.apply(second.spec(SECOND))
    second.registry.wait_ready()
    assert_nothing_is_written(backends, first, second)

    databases, keys, robots = backends.databases(), backends.swift_keys(), backends.robots()
    assert set(databases) == {FIRST, SECOND}
    assert databases[FIRST][0] != databases[SECOND][0]
    assert container_mark(backends.lab, FIRST) != container_mark(backends.lab, SECOND)
    assert len(keys) == len(set(keys.values())) == 2
    logins = [cluster.robot for cluster in (first, second)]
    assert {login["username"] for login in logins} == set(robots)
    assert len(robots) == 2
    assert all(backends.harbor.accepts(login["username"], login["password"]) for login in logins)

    second.registry.delete()
    assert backends.state(FIRST) == before
    assert set(backends.databases()) == {FIRST}
    assert len(backends.roles()) == 1
    assert SECOND not in backends.lab.services.ceph.containers()
    assert_nothing_is_written(backends, first)
    assert first.registry.is_settled()


def test_with_the_same_data_the_second_is_refused_and_the_first_stays_ready(
    first: Cluster, second: Cluster, backends: Backends
) -> None:
    """Findings F1, D4, D5 and D6: also the deletion of the second, whose policies say Delete, takes nothing."""
    before = backends.state(FIRST)
    second.registry.apply(second.spec(FIRST))
    database = second.registry.wait_condition("DatabaseReady", "False", "DatabaseOwnedByOther")
    storage = second.registry.wait_condition("StorageReady", "False", "StorageContainerRefused")
    for message in (database["message"], storage["message"]):
        assert first.identity in message
    assert "choose another name in `spec.database.names.core`" in database["message"]
    assert "create it again with another `spec.storage.swift.container`" in storage["message"]
    assert second.registry.condition("Stalled")["status"] == "True"

    assert_nothing_is_written(backends, first, second)
    assert first.registry.is_settled()
    keys = backends.swift_keys()
    assert {name: keys[name] for name in before["keys"]} == before["keys"]
    second.registry.delete()
    assert backends.state(FIRST) == before
    assert_nothing_is_written(backends, first)
    assert first.registry.is_settled()


@pytest.mark.parametrize(("data", "storage"), [(FIRST, "False"), (SECOND, "True")])
def test_copied_secrets_do_not_open_what_another_cluster_uses(
    first: Cluster, second: Cluster, backends: Backends, data: str, storage: str
) -> None:
    """Findings F1, D5 and D6: a backup of the namespace is restored while its cluster still runs."""
    before = backends.state(FIRST)
    copy_secrets(first, second)
    second.registry.apply(second.spec(data))
    condition = second.registry.wait_condition("DatabaseReady", "False", "DatabaseRoleTaken")
    assert f"cluster {first.identity}" in condition["message"]
    second.registry.wait_condition("StorageReady", storage)
    assert_nothing_is_written(backends, first, second)
    second.registry.delete()
    assert backends.state(FIRST) == before
    assert first.registry.is_settled()


def test_a_cluster_that_replaces_another_takes_up_everything_with_its_identity(
    first: Cluster, second: Cluster, backends: Backends
) -> None:
    """Finding R7: restored from a backup, with another uid, after the first cluster is gone."""
    before = backends.state(FIRST)
    logins = {name: first.registry.secret(name) for name in GENERATED}
    identity = first.identity
    first.running_operator.operator.stop()
    copy_secrets(first, second)
    second.running_operator.replace(cluster_id=identity)
    second.registry.apply(second.spec(FIRST))
    second.registry.wait_ready()
    observer = Observer(second.lab.control_plane)
    wait_until(lambda: pull_secret(observer, "default"), "the pull Secret is injected", deadline=30)
    observer.close()

    assert {name: second.registry.secret(name) for name in GENERATED} == logins
    uid = second.registry.read()["metadata"]["uid"]
    after = backends.state(FIRST)
    for same in ("keys", "robots", "objects"):
        assert after[same] == before[same]
    comment = f"harbor-operator.io cluster={identity} registry=intra/cr uid={uid}"
    assert after["database"] == (before["database"][0], comment)
    assert after["role"] == (before["role"][0], comment)
    assert_nothing_is_written(backends, second)

    second.registry.delete()
    assert backends.databases() == backends.roles() == backends.robots() == {}
    assert FIRST not in backends.lab.services.ceph.containers()


def copy_secrets(source: Cluster, target: Cluster) -> None:
    """Copies the Secrets that the operator generated, as a backup of the namespace does."""
    found = source.lab.control_plane.client.items(f"/api/v1/namespaces/{source.registry.namespace}/secrets")
    for secret in found:
        metadata = secret["metadata"]
        if metadata["name"] in GENERATED:
            kept = {key: metadata[key] for key in ("name", "namespace", "labels")}
            target.lab.control_plane.apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": kept, "type": secret["type"], "data": secret["data"]}
            )
