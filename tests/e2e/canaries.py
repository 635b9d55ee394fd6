"""Objects of other owners, of each kind that the operator writes or deletes: every test leaves them as they are."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from swiftclient import Connection

from lab.kubernetes_client import Manifest
from lab.lab import Lab
from lab.process import LabError, wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.harbor_api import call_harbor
from tests.e2e.queries import CANARY_NAMESPACE, PULL_SECRET

NAME = "canary"
SWIFT_KEY = "canarySwiftKey0123456789"
FOREIGN_NAMES = {NAME, "default", "theirs"}
CONTENT = ["spec", "data", "imagePullSecrets"]
KINDS = ("api/v1/{}/secrets", "api/v1/{}/serviceaccounts", "api/v1/{}/configmaps", "apis/apps/v1/{}/deployments")

_ROWS = (
    f"SELECT datname, pg_get_userbyid(datdba), datacl::text FROM pg_database WHERE datname = '{NAME}'",  # noqa: S608
    f"SELECT rolname, rolpassword, rolconnlimit FROM pg_authid WHERE rolname = '{NAME}'",  # noqa: S608
    "SELECT * FROM content",
)


@dataclass
class Canaries:
    """The objects in one lab, and their state when they were created."""

    lab: Lab
    _swift: dict[str, Connection] = field(default_factory=dict)
    _harbor: RegistryFixture | None = None
    _before: dict[str, Any] = field(default_factory=dict)

    def create(self) -> None:
        """Creates what does not need a registry, in PostgreSQL, in the object store and in the cluster."""
        postgres, ceph = self.lab.services.postgres, self.lab.services.ceph
        postgres.query(f"CREATE ROLE {NAME} LOGIN PASSWORD 'canaryPassword0123'")
        postgres.query(f"CREATE DATABASE {NAME} OWNER {NAME}")
        postgres.query("CREATE TABLE content AS SELECT 'theirs' AS owner", dbname=NAME)
        self._put_object(ceph.create_swift_user(NAME, "swift", SWIFT_KEY), SWIFT_KEY, NAME)
        self.lab.control_plane.apply(*_manifests())
        self._refer_to_theirs()
        self._before = self._state()

    def add_registry(self, fixture: RegistryFixture) -> None:
        """Creates objects in the Harbor and in the container of a registry that is ready; a repetition is harmless."""
        if self._harbor is not None:
            return
        call_harbor(fixture, "POST", "/projects", {"project_name": NAME, "metadata": {"public": "false"}})
        access = [{"resource": "repository", "action": "pull"}]
        permissions = [{"kind": "project", "namespace": NAME, "access": access}]
        robot = {"name": NAME, "description": "theirs", "level": "system", "duration": -1, "permissions": permissions}
        call_harbor(fixture, "POST", "/robots", robot)
        swift = fixture.registry.read()["spec"]["storage"]["swift"]
        login = fixture.registry.secret(swift["credentialsSecretRef"]["name"])
        self._put_object(login["username"], login["password"], swift["container"])
        self._harbor = fixture
        self._before = self._state()

    def check(self) -> None:
        """Raises AssertionError if an object is gone or has another content; what cannot be read now is left out."""
        now = self._state()
        assert now == {key: value for key, value in self._before.items() if key in now}

    def _state(self) -> dict[str, Any]:
        postgres = self.lab.services.postgres
        state: dict[str, Any] = {
            "rows": [postgres.query(row, dbname=NAME) for row in _ROWS],
            "objects": {container: _etag(swift, container) for container, swift in self._swift.items()},
            "cluster": self._cluster(),
        }
        # Without a registry, or while its Harbor is down, the ingress answers with an error or not at all.
        with suppress(OSError, LabError):
            return {**state, **self._in_harbor()}
        return state

    def _cluster(self) -> dict[str, Manifest]:
        found = {}
        for namespace in (NAME, CANARY_NAMESPACE):
            for kind in KINDS:
                path = "/" + kind.format(f"namespaces/{namespace}")
                for item in self.lab.control_plane.client.items(path):
                    name = item["metadata"]["name"]
                    if name in FOREIGN_NAMES or (namespace, name) == (CANARY_NAMESPACE, PULL_SECRET):
                        found[f"{path}/{name}"] = _content(item)
        return found

    def _in_harbor(self) -> dict[str, Any]:
        if self._harbor is None:
            return {}
        robots = call_harbor(self._harbor, "GET", f"/robots?q=name={NAME}")
        projects = call_harbor(self._harbor, "GET", f"/projects?name={NAME}")
        return {
            "robots": [(robot["id"], robot["description"], robot["permissions"]) for robot in robots],
            "projects": [(project["project_id"], project["metadata"]) for project in projects],
        }

    def _refer_to_theirs(self) -> None:
        """Gives both default service accounts a foreign reference; in one namespace the operator adds its own."""
        plane = self.lab.control_plane
        for namespace, name in ((CANARY_NAMESPACE, PULL_SECRET), (NAME, "theirs")):
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
            wait_until(partial(plane.client.answers, path), f"'{namespace}' has its default account", deadline=10)
            patch = f'{{"imagePullSecrets":[{{"name":"{name}"}}]}}'
            plane.kubectl("-n", namespace, "patch", "serviceaccount", "default", "--type=merge", "-p", patch)

    def _put_object(self, username: str, password: str, container: str) -> None:
        auth_url, ca = self.lab.services.auth_url, str(self.lab.authority.ca_path)
        swift = Connection(auth_url, username, password, cacert=ca, retries=0)
        with closing(swift):
            swift.put_container(container)
            swift.put_object(container, f"{NAME}/object", NAME)
        self._swift[container] = swift


@cache
def canaries_in(lab: Lab) -> Canaries:
    """Returns the canaries of a lab, which the first call creates."""
    canaries = Canaries(lab)
    canaries.create()
    return canaries


def _manifests() -> list[Manifest]:
    """Returns an excluded namespace with a Secret of the pull Secret's name, and one that the operator injects."""
    found: list[Manifest] = []
    for namespace, secret in ((CANARY_NAMESPACE, PULL_SECRET), (NAME, "theirs")):
        references = [{"name": secret}]
        template = {
            "metadata": {"labels": {"app": NAME}},
            "spec": {"containers": [{"name": NAME, "image": "localhost/canary"}]},
        }
        workload = {"replicas": 0, "selector": {"matchLabels": {"app": NAME}}, "template": template}
        found += [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
            _manifest("v1", "Secret", namespace, secret, stringData={"a": "theirs"}),
            _manifest("v1", "ConfigMap", namespace, NAME, data={"a": "theirs"}),
            _manifest("v1", "ServiceAccount", namespace, NAME, imagePullSecrets=references),
            _manifest("apps/v1", "Deployment", namespace, NAME, spec=workload),
        ]
    return found


def _manifest(version: str, kind: str, namespace: str, name: str, **content: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **content}


def _content(item: Manifest) -> Manifest:
    content = {key: item[key] for key in CONTENT if key in item}
    if item["metadata"]["namespace"] == NAME and "imagePullSecrets" in content:
        content["imagePullSecrets"] = [one for one in content["imagePullSecrets"] if one["name"] != PULL_SECRET]
    return {"uid": item["metadata"]["uid"], **content}


def _etag(swift: Connection, container: str) -> str:
    with closing(swift):
        return str(swift.head_object(container, f"{NAME}/object")["etag"])
