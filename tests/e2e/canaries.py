"""Objects of other owners, one of each kind that the operator deletes: a test of a deletion leaves them as they are."""

from __future__ import annotations

from typing import Any

from lab.kubernetes_client import Manifest
from lab.lab import Lab
from tests.e2e.queries import PULL_SECRET, listed

NAMESPACE = "canary"
NAME = "canary"
SWIFT_KEY = "canarySwiftKey0123456789"
CONTENT = ["spec", "data", "imagePullSecrets"]
KINDS = "secrets,serviceaccounts,configmaps,deployments"


class Canaries:
    """The objects in each lab, and their state when they were created."""

    def __init__(self) -> None:
        self._before: list[tuple[Lab, dict[str, Any]]] = []

    def add(self, lab: Lab) -> None:
        """Creates a database, a role, an RGW user, a Secret of the pull Secret's name, a reference and a workload."""
        plane, services = lab.control_plane, lab.services
        services.postgres.query(f"CREATE ROLE {NAME}")
        services.postgres.query(f"CREATE DATABASE {NAME} OWNER {NAME}")
        services.ceph.create_swift_user(NAME, "swift", SWIFT_KEY)
        plane.kubectl("create", "namespace", NAMESPACE)
        plane.kubectl("-n", NAMESPACE, "create", "secret", "generic", PULL_SECRET, "--from-literal=a=theirs")
        plane.kubectl("-n", NAMESPACE, "create", "configmap", NAME, "--from-literal=a=theirs")
        plane.kubectl("-n", NAMESPACE, "create", "serviceaccount", NAME)
        references = f'{{"imagePullSecrets":[{{"name":"{PULL_SECRET}"}}]}}'
        plane.kubectl("-n", NAMESPACE, "patch", "serviceaccount", NAME, "-p", references)
        plane.kubectl("-n", NAMESPACE, "create", "deployment", NAME, "--image=localhost/canary", "--replicas=0")
        self._before.append((lab, state(lab)))

    def check(self) -> None:
        """Raises AssertionError if an object is gone or has another content."""
        for lab, before in self._before:
            assert state(lab) == before


def state(lab: Lab) -> dict[str, Any]:
    """Returns the present canaries with their content."""
    services = lab.services
    query = services.postgres.query
    return {
        "databases": query(f"SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{NAME}'"),  # noqa: S608 - a constant
        "roles": query(f"SELECT rolname FROM pg_roles WHERE rolname = '{NAME}'"),  # noqa: S608 - a constant
        "users": services.ceph.admin("user", "info", f"--uid={NAME}")["subusers"],
        "objects": {
            f"{item['kind']}/{item['metadata']['name']}": _content(item)
            for item in listed(lab, "-n", NAMESPACE, KINDS)
            if item["metadata"]["name"] in {NAME, PULL_SECRET}
        },
    }


def _content(item: Manifest) -> Manifest:
    return {"uid": item["metadata"]["uid"], **{key: item[key] for key in CONTENT if key in item}}
