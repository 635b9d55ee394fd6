"""Two clusters that share one Harbor, one PostgreSQL and one RADOS gateway, and what is stored in these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lab.harbor.shared import SharedHarbor
from lab.kubernetes_client import Manifest
from lab.lab import Lab, Part
from lab.nginx import Front, Site
from lab.registries import Registry
from lab.registry_fixture import install
from tests.e2e.queries import container_mark
from tests.e2e.running_operator import RunningOperator

NAMESPACE, NAME = "intra", "cr"
RGW_USER = "shared"
WRITE_METHODS = {"PUT", "POST", "DELETE", "PATCH", "COPY"}

_ROLES = "SELECT rolname, rolpassword, shobj_description(oid, 'pg_authid') FROM pg_authid WHERE rolname LIKE 'harbor%'"
_DATABASES = (
    "SELECT datname, pg_get_userbyid(datdba), shobj_description(oid, 'pg_database') FROM pg_database "
    "WHERE pg_get_userbyid(datdba) LIKE 'harbor%'"
)


@dataclass
class Backends:
    """Harbor, PostgreSQL and the gateway; every request to Harbor and to the gateway passes a proxy with a log."""

    lab: Lab
    harbor: SharedHarbor
    admin_front: Front

    @property
    def fronts(self) -> tuple[Front, ...]:
        """The proxies in front of Harbor, of the Swift API and of the Admin Ops API."""
        return self.harbor.front, self.lab.services.rgw_front, self.admin_front

    def mark(self) -> tuple[int, ...]:
        """Returns the present positions in every log, for `writes_since`."""
        return (self.lab.services.postgres.mark(), *(front.mark() for front in self.fronts))

    def writes_since(self, mark: tuple[int, ...]) -> list[str]:
        """Returns every change of PostgreSQL, Harbor and the gateway since the mark."""
        statements = [change.statement for change in self.lab.services.postgres.changes_since(mark[0])]
        requests = [
            request
            for front, begin in zip(self.fronts, mark[1:], strict=True)
            for request in front.requests_since(begin)
        ]
        return statements + [f"{one.method} {one.path}" for one in requests if one.method in WRITE_METHODS]

    def roles(self) -> dict[str, Any]:
        """Returns the verifier of the password and the comment of each role of Harbor, by name."""
        return {row[0]: row[1:] for row in self.lab.services.postgres.query(_ROLES)}

    def databases(self) -> dict[str, Any]:
        """Returns owner and comment of each database of such a role, by name."""
        return {row[0]: row[1:] for row in self.lab.services.postgres.query(_DATABASES)}

    def swift_keys(self) -> dict[str, str]:
        """Returns the key of each subuser of the shared RGW user."""
        user = self.lab.services.ceph.admin("user", "info", f"--uid={RGW_USER}")
        return {entry["user"]: entry["secret_key"] for entry in user["swift_keys"]}

    def robots(self) -> dict[str, Any]:
        """Returns id and description of each robot account, by name."""
        return {robot["name"]: (robot["id"], robot["description"]) for robot in self.harbor.robots()}

    def state(self, database: str) -> dict[str, Any]:
        """Returns everything that belongs to the registry with this database and container."""
        owner = self.databases()[database][0]
        return {
            "database": self.databases()[database],
            "role": self.roles()[owner],
            "mark": container_mark(self.lab, database),
            "objects": self.lab.services.ceph.objects(database),
            "keys": self.swift_keys(),
            "robots": self.robots(),
        }


@dataclass
class Cluster:
    """One control plane with its operator and its registry, which is prepared and not applied."""

    lab: Lab
    running_operator: RunningOperator
    registry: Registry
    backends: Backends

    def spec(self, data: str) -> Manifest:
        """Returns the spec of both registries; `data` names the database and the container."""
        services, ca = self.backends.lab.services, {"name": "ca"}
        provision = {
            "adminURL": self.backends.admin_front.url,
            "adminSecretRef": {"name": "rgw-admin"},
            "uid": RGW_USER,
        }
        return {
            "externalURL": self.backends.harbor.url,
            "caSecretRef": ca,
            "checkIntervalSeconds": 5,
            "adminPasswordSecretRef": {"name": "harbor-admin"},
            "database": {
                "host": services.postgres.host,
                "port": services.postgres.port,
                "caSecretRef": ca,
                "adminSecretRef": {"name": "pg"},
                "names": {"core": data},
            },
            "storage": {
                "swift": {
                    "authURL": services.auth_url,
                    "container": data,
                    "credentialsSecretRef": {"name": "swift"},
                    "caSecretRef": ca,
                    "chunkSizeMiB": 5,
                    "provision": provision,
                }
            },
            "projects": [{"name": "team-a"}],
            "pullSecrets": {"credential": {"robot": {}}},
            "deletionPolicy": {"database": "Delete", "storage": "Delete"},
        }

    @property
    def identity(self) -> str:
        """The identity of the cluster by default."""
        found = self.lab.control_plane.client.read("/api/v1/namespaces/kube-system") or {}
        return str(found["metadata"]["uid"])

    @property
    def robot(self) -> dict[str, str]:
        """The login of the robot."""
        return self.registry.secret(f"hreg-{NAME}-pull-robot")

    def prepare(self) -> None:
        """Creates the namespace, the rights and the Secrets that the spec references."""
        services = self.backends.lab.services
        self.registry.prepare()
        self.registry.put_secrets(
            {
                "ca": {"ca.crt": self.backends.lab.authority.ca_path.read_text()},
                "harbor-admin": {"password": self.backends.harbor.core.admin_password},
                "pg": {
                    "username": services.postgres.provisioner_user,
                    "password": services.postgres.provisioner_password,
                },
                "rgw-admin": {"accessKey": services.ceph.admin_access_key, "secretKey": services.ceph.admin_secret_key},
            }
        )


@contextmanager
def two_clusters() -> Iterator[tuple[Cluster, Cluster]]:
    """Starts the servers, two control planes with their own etcd, and an operator for each."""
    parts = {Part.CONTROL_PLANE, Part.POSTGRES, Part.CEPH}
    with Lab.start(parts) as first, Lab.start({Part.CONTROL_PLANE}) as second:
        harbor = SharedHarbor.start(first.directory / "shared-harbor", first.processes, first.authority)
        site = Site(first.services.ceph.rgw_url, host_header="$http_host")
        front = Front.start(first.directory / "rgw-admin-front", first.processes, first.authority, site)
        backends = Backends(first, harbor, front)
        clusters = [_cluster(lab, backends) for lab in (first, second)]
        try:
            yield clusters[0], clusters[1]
        finally:
            for cluster in clusters:
                cluster.running_operator.end()


def _cluster(lab: Lab, backends: Backends) -> Cluster:
    install(lab)
    running_operator = RunningOperator(lab)
    running_operator.operator.wait_leading()
    cluster = Cluster(lab, running_operator, Registry(lab.control_plane, NAMESPACE, NAME), backends)
    cluster.prepare()
    return cluster
