"""Deleting a registry: injected objects first, then the release; data and objects of other owners stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.audit import AuditEvent
from lab.observer import Observer
from lab.operator import USER
from lab.process import wait_until
from lab.registries import CONDITION_SECONDS, Manifest, Registry, merged
from lab.registry_fixture import SWIFT_KEY, RegistryFixture
from tests.e2e.canaries import canaries_in
from tests.e2e.dedicated import DedicatedLab, dedicated_lab, lab_of_module, operator_of_module  # noqa: F401 - fixtures
from tests.e2e.queries import (
    PULL_SECRET,
    container_mark,
    create_namespace,
    listed,
    pull_secret,
    pull_secrets,
    references,
    remove_namespace,
    revisions,
    robots,
)

pytestmark = pytest.mark.e2e

KUBELET = False
USER_SECRETS = {"cr-ca", "cr-tls", "pg-admin", "pg-ca", "redis", "s3-ca", "swift"}
RETAINED_SECRETS = {"hreg-cr-admin-password", "hreg-cr-database-login", "hreg-cr-pins"}


@pytest.fixture(scope="module")
def deleted(dedicated: DedicatedLab) -> Iterator[Deleted]:
    """A registry that was injected beside objects of other owners and then deleted."""
    observer = Observer(dedicated.lab.control_plane)
    deleted = Deleted(dedicated.fixture, observer)
    deleted.create_foreign_objects()
    dedicated.fixture.registry.apply(dedicated.fixture.spec)
    wait_until(lambda: observer.is_injected("mixed"), "the Secret is injected", deadline=CONDITION_SECONDS)
    dedicated.fixture.registry.wait_condition("PullSecretsReady", "False", "NamespacesFailed")
    canaries_in(dedicated.lab).add_registry(dedicated.fixture)
    deleted.delete()
    yield deleted
    observer.close()


class Deleted:
    """The deletion of the registry: the writes of operator and Helm in order, and the requests to Harbor."""

    def __init__(self, fixture: RegistryFixture, observer: Observer) -> None:
        self.fixture = fixture
        self.writes: list[AuditEvent] = []
        self.requests: list[str] = []
        self._observer = observer

    def create_foreign_objects(self) -> None:
        """Creates namespaces with a foreign Secret and references, with foreign references, and one that cannot end."""
        lab, kubectl = self.fixture.lab, self.fixture.lab.control_plane.kubectl
        for name in ("foreign", "mixed", "stuck"):
            create_namespace(lab, self._observer, name)
        kubectl("-n", "foreign", "create", "secret", "generic", PULL_SECRET, "--from-literal=a=theirs")
        for name, wanted in (
            ("foreign", f'[{{"name":"theirs"}},{{"name":"{PULL_SECRET}"}}]'),
            ("mixed", '[{"name":"theirs"}]'),
        ):
            kubectl("-n", name, "patch", "serviceaccount", "default", "-p", f'{{"imagePullSecrets":{wanted}}}')

    def delete(self) -> None:
        """Deletes the registry while a namespace with its Secret is Terminating and cannot end."""
        lab, kubectl = self.fixture.lab, self.fixture.lab.control_plane.kubectl
        self._observer.wait_injected("stuck")
        kubectl(
            "-n", "stuck", "patch", "secret", PULL_SECRET, "-p", '{"metadata":{"finalizers":["example.com/never"]}}'
        )
        remove_namespace(lab, "stuck")
        audit, front = lab.control_plane.audit, self.fixture.front
        mark, front_mark = audit.mark(), front.mark()
        self.fixture.registry.delete()
        release = f"system:serviceaccount:{self.fixture.registry.namespace}:harbor-release"
        self.writes = [event for event in audit.writes_since(mark) if event.user in {USER, release}]
        self.requests = [f"{seen.method} {seen.path} {seen.status}" for seen in front.requests_since(front_mark)]

    def last(self, verb: str, resource: str, namespace: str = "", name: str = "") -> int:
        """Returns the position of the last matching write."""
        return max(
            place
            for place, event in enumerate(self.writes)
            if (event.verb, event.resource) == (verb, resource)
            and namespace in {"", event.namespace}
            and name in {"", event.name}
        )


Recreate = Callable[[DedicatedLab, Manifest], None]


def delete_and_apply(dedicated: DedicatedLab, spec: Manifest) -> None:
    """Deletes the registry, whose policies retain everything, and applies it again."""
    dedicated.fixture.registry.delete()
    dedicated.fixture.registry.apply(spec)


def restore_from_backup(dedicated: DedicatedLab, spec: Manifest) -> None:
    """Replaces the registry by one with another uid and without a status while no operator runs."""
    registry, kubectl = dedicated.fixture.registry, dedicated.lab.control_plane.kubectl
    dedicated.running_operator.operator.stop()
    kubectl("-n", registry.namespace, "delete", "hreg", registry.name, "--wait=false")
    without_finalizers = '{"metadata":{"finalizers":null}}'
    kubectl("-n", registry.namespace, "patch", "hreg", registry.name, "--type=merge", "-p", without_finalizers)
    registry.apply(spec)
    dedicated.running_operator.start_replica().wait_leading()


def held(fixture: RegistryFixture) -> dict[str, object]:
    """Returns what the registry has in Harbor, in its namespace and in another one."""
    generated = ("admin-password", "database-login", "pins", "pull-robot")
    return {
        "robots": [(robot["id"], robot["name"]) for robot in robots(fixture)],
        "secrets": [fixture.registry.secret(f"hreg-cr-{name}") for name in generated],
        "pull secret": fixture.registry.secret(PULL_SECRET, "mixed"),
        "revisions": revisions(fixture),
    }


def test_references_are_removed_before_secrets_and_the_release_is_last(deleted: Deleted) -> None:
    for namespace in ("default", "intra", "mixed"):
        unreferred = deleted.last("patch", "serviceaccounts", namespace)
        assert unreferred < deleted.last("delete", "secrets", namespace, PULL_SECRET)
    last_pull_secret = deleted.last("delete", "secrets", name=PULL_SECRET)
    robot = deleted.last("delete", "secrets", name="hreg-cr-pull-robot")
    first_workload = min(place for place, event in enumerate(deleted.writes) if event.resource == "deployments")
    assert last_pull_secret < robot < first_workload
    (removed,) = [request for request in deleted.requests if request.startswith("DELETE /api/v2.0/robots/")]
    assert removed.endswith(" 200")


def test_no_injected_object_remains(deleted: Deleted, observer: Observer) -> None:
    assert deleted.fixture.registry.is_gone()
    holders = {item["metadata"]["namespace"] for item in pull_secrets(deleted.fixture.lab)}
    assert holders == {"foreign", "stuck"}
    assert references(observer, "mixed") == ["theirs"]
    assert references(observer, "default") == references(observer, "intra") == []
    account = observer.read("/api/v1/namespaces/default/serviceaccounts/default") or {}
    assert "harbor-operator.io/attached" not in account["metadata"].get("annotations", {})


def test_objects_of_other_owners_stay(deleted: Deleted, observer: Observer) -> None:
    assert deleted.fixture.registry.secret(PULL_SECRET, "foreign") == {"a": "theirs"}
    assert references(observer, "foreign") == ["theirs", PULL_SECRET]
    assert not {event.namespace for event in deleted.writes} & {"foreign", "stuck"}
    found = {item["metadata"]["name"] for item in listed(deleted.fixture.lab, "-n", "intra", "secrets")}
    assert found == USER_SECRETS | RETAINED_SECRETS


def test_the_release_is_removed_and_the_data_stay(deleted: Deleted) -> None:
    full_registry, services = deleted.fixture, deleted.fixture.lab.services
    assert revisions(full_registry) == {}
    assert listed(full_registry.lab, "-n", "intra", "deployments,statefulsets,services,ingresses") == []
    databases = services.postgres.query("SELECT datname, pg_get_userbyid(datdba) FROM pg_database")
    assert ("registry_intra", full_registry.registry.secret("hreg-cr-database-login")["username"]) in databases
    assert full_registry.container in services.ceph.containers()
    assert services.ceph.objects(full_registry.container)


def test_a_recreated_registry_uses_the_retained_secrets(deleted: Deleted, observer: Observer) -> None:
    full_registry = deleted.fixture
    before = (
        full_registry.registry.secret("hreg-cr-database-login"),
        full_registry.registry.secret("hreg-cr-admin-password"),
    )
    full_registry.registry.apply(full_registry.spec)
    wait_until(lambda: observer.is_injected("mixed"), "the Secret is injected again", deadline=CONDITION_SECONDS)
    after = (
        full_registry.registry.secret("hreg-cr-database-login"),
        full_registry.registry.secret("hreg-cr-admin-password"),
    )
    assert before == after
    assert references(observer, "mixed") == ["theirs", PULL_SECRET]
    full_registry.registry.delete()
    assert pull_secret(observer, "mixed") is None


@pytest.mark.parametrize("recreate", [delete_and_apply, restore_from_backup])
def test_a_registry_that_is_created_again_takes_up_what_was_retained(
    deleted: Deleted, dedicated: DedicatedLab, observer: Observer, recreate: Recreate
) -> None:
    """Finding R7: robot, Secrets, release, database and container, although the uid is new."""
    fixture, registry = deleted.fixture, deleted.fixture.registry
    spec = merged(fixture.spec, {"deletionPolicy": {"release": "Retain", "pullSecrets": "Retain"}})
    spec["pullSecrets"]["namespaces"] = {"exclude": ["kube-*", "foreign", "stuck"]}
    registry.apply(spec)
    registry.wait_ready()
    before, uid = held(fixture), registry.read()["metadata"]["uid"]
    recreate(dedicated, spec)
    registry.wait_ready()
    assert held(fixture) == before
    new_uid = registry.read()["metadata"]["uid"]
    assert new_uid != uid
    assert registry.status()["pullSecrets"]["failed"] == 0
    labels = (pull_secret(observer, "mixed") or {})["metadata"]["labels"]
    assert labels["harbor-operator.io/registry-uid"] == new_uid
    database = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'registry_intra'"
    ((comment,),) = fixture.lab.services.postgres.query(database)
    assert comment.endswith(f" registry=intra/cr uid={new_uid}")
    assert container_mark(fixture.lab, fixture.container)["registry-uid"] == new_uid
    registry.apply(fixture.spec)
    registry.delete()


def test_database_role_and_container_are_deleted_if_the_spec_says_so(dedicated: DedicatedLab) -> None:
    lab, services = dedicated.lab, dedicated.lab.services
    registry = Registry(lab.control_plane, "t-gone", "cr")
    registry.prepare()
    user = services.ceph.create_swift_user("gone", "swift", SWIFT_KEY)
    registry.put_secret("ca", {"ca.crt": lab.authority.ca_path.read_text()})
    registry.put_secret("swift", {"username": user, "password": SWIFT_KEY})
    postgres = services.postgres
    registry.put_secret("pg", {"username": postgres.provisioner_user, "password": postgres.provisioner_password})
    registry.apply(disposable(dedicated))
    registry.wait_condition("DatabaseReady", "True")
    registry.wait_condition("StorageReady", "True")
    assert ("gone",) in postgres.query("SELECT datname FROM pg_database")
    assert "gone" in services.ceph.containers()

    registry.delete()
    assert ("gone",) not in postgres.query("SELECT datname FROM pg_database")
    assert postgres.query("SELECT 1 FROM pg_roles WHERE rolname LIKE 'harbor_t_gone%'") == []
    assert "gone" not in services.ceph.containers()
    assert {item["metadata"]["name"] for item in listed(lab, "-n", "t-gone", "secrets")} == {"ca", "swift", "pg"}


def disposable(dedicated: DedicatedLab) -> Manifest:
    """A spec whose database and container are deleted with the registry."""
    services, ca = dedicated.lab.services, {"name": "ca"}
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
