"""Deleting a registry: what was spread goes first, then the release; data and other people's things stay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.audit import AuditEvent
from lab.observer import Observer
from lab.operator import USER
from lab.process import wait_until
from lab.registries import Manifest, Registry
from lab.stage import SWIFT_KEY, Stage
from tests.e2e.conftest import Shift
from tests.e2e.world import (
    PULL_SECRET,
    World,
    create_namespace,
    listed,
    own_world,
    pull_secret,
    references,
    remove_namespace,
    revisions,
)

pytestmark = pytest.mark.e2e

GIVEN = {"cr-ca", "cr-tls", "pg-admin", "pg-ca", "redis", "s3-ca", "swift"}
KEPT = {"hreg-cr-admin-password", "hreg-cr-database-login", "hreg-cr-pins"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with own_world() as world:
        yield world


@pytest.fixture(scope="module")
def shift(world: World) -> Shift:
    return world.shift


@pytest.fixture
def observer(world: World) -> Iterator[Observer]:
    observer = Observer(world.lab.control_plane)
    yield observer
    observer.close()


@pytest.fixture(scope="module")
def deleted(world: World) -> Iterator[Deleted]:
    """A registry that was spread among other people's things and then deleted."""
    observer = Observer(world.lab.control_plane)
    deleted = Deleted(world.stage, observer)
    deleted.put_foreign_things()
    world.stage.registry.apply(world.stage.spec)
    wait_until(lambda: observer.holds("mixed"), "the Secret is spread", deadline=60)
    world.stage.registry.wait_condition("PullSecretsReady", "False", "NamespacesFailed")
    deleted.delete()
    yield deleted
    observer.close()


class Deleted:
    """How the registry went: the writes of the operator and of Helm in order, and what Harbor was asked."""

    def __init__(self, stage: Stage, observer: Observer) -> None:
        self.stage = stage
        self.writes: list[AuditEvent] = []
        self.requests: list[str] = []
        self._observer = observer

    def put_foreign_things(self) -> None:
        """Three namespaces: a Secret and references that are not ours, entries beside ours, and one that is stuck."""
        lab, kubectl = self.stage.lab, self.stage.lab.control_plane.kubectl
        for name in ("foreign", "mixed", "stuck"):
            create_namespace(lab, self._observer, name)
        kubectl("-n", "foreign", "create", "secret", "generic", PULL_SECRET, "--from-literal=a=theirs")
        for name, wanted in (
            ("foreign", f'[{{"name":"theirs"}},{{"name":"{PULL_SECRET}"}}]'),
            ("mixed", '[{"name":"theirs"}]'),
        ):
            kubectl("-n", name, "patch", "serviceaccount", "default", "-p", f'{{"imagePullSecrets":{wanted}}}')

    def delete(self) -> None:
        """Deletes the registry while a namespace, with our Secret in it, is Terminating and cannot end."""
        lab, kubectl = self.stage.lab, self.stage.lab.control_plane.kubectl
        self._observer.wait_holds("stuck")
        kubectl(
            "-n", "stuck", "patch", "secret", PULL_SECRET, "-p", '{"metadata":{"finalizers":["example.com/never"]}}'
        )
        remove_namespace(lab, "stuck")
        audit, front = lab.control_plane.audit, self.stage.front
        mark, front_mark = audit.mark(), front.mark()
        self.stage.registry.delete()
        release = f"system:serviceaccount:{self.stage.registry.namespace}:harbor-release"
        self.writes = [event for event in audit.writes_since(mark) if event.user in {USER, release}]
        self.requests = [f"{seen.method} {seen.path} {seen.status}" for seen in front.requests_since(front_mark)]

    def last(self, verb: str, resource: str, namespace: str = "", name: str = "") -> int:
        """Returns the place of the last such write among all."""
        return max(
            place
            for place, event in enumerate(self.writes)
            if (event.verb, event.resource) == (verb, resource)
            and namespace in {"", event.namespace}
            and name in {"", event.name}
        )


def test_references_go_before_secrets_and_the_release_goes_last(deleted: Deleted) -> None:
    for namespace in ("default", "intra", "mixed"):
        unreferred = deleted.last("patch", "serviceaccounts", namespace)
        assert unreferred < deleted.last("delete", "secrets", namespace, PULL_SECRET)
    last_pull_secret = deleted.last("delete", "secrets", name=PULL_SECRET)
    robot = deleted.last("delete", "secrets", name="hreg-cr-pull-robot")
    first_workload = min(place for place, event in enumerate(deleted.writes) if event.resource == "deployments")
    assert last_pull_secret < robot < first_workload
    (removed,) = [request for request in deleted.requests if request.startswith("DELETE /api/v2.0/robots/")]
    assert removed.endswith(" 200")


def test_nothing_of_ours_is_left_in_the_namespaces(deleted: Deleted, observer: Observer) -> None:
    assert deleted.stage.registry.is_gone()
    holders = {item["metadata"]["namespace"] for item in pull_secrets(deleted.stage)}
    assert holders == {"foreign", "stuck"}
    assert references(observer, "mixed") == ["theirs"]
    assert references(observer, "default") == references(observer, "intra") == []
    account = observer.read("/api/v1/namespaces/default/serviceaccounts/default") or {}
    assert "harbor-operator.io/attached" not in account["metadata"].get("annotations", {})


def pull_secrets(stage: Stage) -> list[Manifest]:
    return listed(stage.lab, "secrets", "-A", f"--field-selector=metadata.name={PULL_SECRET}")


def test_what_is_not_ours_stays(deleted: Deleted, observer: Observer) -> None:
    assert deleted.stage.registry.secret(PULL_SECRET, "foreign") == {"a": "theirs"}
    assert references(observer, "foreign") == ["theirs", PULL_SECRET]
    assert not {event.namespace for event in deleted.writes} & {"foreign", "stuck"}
    found = {item["metadata"]["name"] for item in listed(deleted.stage.lab, "-n", "intra", "secrets")}
    assert found == GIVEN | KEPT


def test_the_release_is_gone_and_the_data_stay(deleted: Deleted) -> None:
    stage, services = deleted.stage, deleted.stage.lab.services
    assert revisions(stage) == {}
    assert listed(stage.lab, "-n", "intra", "deployments,statefulsets,services,ingresses") == []
    databases = services.postgres.query("SELECT datname, pg_get_userbyid(datdba) FROM pg_database")
    assert ("registry_intra", "harbor_intra_cr") in databases
    assert stage.container in services.ceph.containers()
    assert services.ceph.objects(stage.container)


def test_a_registry_made_again_takes_up_what_was_kept(deleted: Deleted, observer: Observer) -> None:
    stage = deleted.stage
    before = stage.registry.secret("hreg-cr-database-login"), stage.registry.secret("hreg-cr-admin-password")
    stage.registry.apply(stage.spec)
    wait_until(lambda: observer.holds("mixed"), "the Secret is spread again", deadline=60)
    after = stage.registry.secret("hreg-cr-database-login"), stage.registry.secret("hreg-cr-admin-password")
    assert before == after
    assert references(observer, "mixed") == ["theirs", PULL_SECRET]
    stage.registry.delete()
    assert pull_secret(observer, "mixed") is None


def test_database_role_and_container_go_where_the_spec_says_so(world: World, shift: Shift) -> None:
    lab, services = world.lab, world.lab.services
    registry = Registry(lab.control_plane, "t-gone", "cr")
    registry.prepare()
    user = services.ceph.create_swift_user("gone", "swift", SWIFT_KEY)
    registry.put_secret("ca", {"ca.crt": lab.authority.ca_path.read_text()})
    registry.put_secret("swift", {"username": user, "password": SWIFT_KEY})
    postgres = services.postgres
    registry.put_secret("pg", {"username": postgres.provisioner_user, "password": postgres.provisioner_password})
    registry.apply(disposable(world))
    registry.wait_condition("DatabaseReady", "True")
    registry.wait_condition("StorageReady", "True")
    assert ("gone",) in postgres.query("SELECT datname FROM pg_database")
    assert "gone" in services.ceph.containers()

    registry.delete()
    assert ("gone",) not in postgres.query("SELECT datname FROM pg_database")
    assert postgres.query("SELECT 1 FROM pg_roles WHERE rolname LIKE 'harbor_t_gone%'") == []
    assert "gone" not in services.ceph.containers()
    assert {item["metadata"]["name"] for item in listed(lab, "-n", "t-gone", "secrets")} == {"ca", "swift", "pg"}


def disposable(world: World) -> Manifest:
    """A database and a container, both to be deleted with their registry."""
    services, ca = world.lab.services, {"name": "ca"}
    return {
        "externalURL": "https://localhost:1",
        "checkIntervalSeconds": 5,
        "database": {
            "host": services.postgres.host,
            "port": services.postgres.port,
            "caSecretRef": ca,
            "adminSecretRef": {"name": "pg"},
            "names": {"core": "gone"},
        },
        "storage": {
            "swift": {
                "authURL": services.auth_url,
                "container": "gone",
                "credentialsSecretRef": {"name": "swift"},
                "caSecretRef": ca,
                "chunkSizeMiB": 5,
            }
        },
        "deletionPolicy": {"database": "Delete", "storage": "Delete"},
    }
