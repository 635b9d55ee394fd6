"""A changed Secret that the spec refers to restarts the pods that read it, in the order in which they read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.lab import Lab
from lab.process import wait_until
from lab.registries import Registry
from lab.registry_fixture import RegistryFixture
from tests.e2e.conftest import MakeRegistry
from tests.e2e.test_broken_release import spec_for

pytestmark = pytest.mark.e2e

DIGEST = "harbor-operator.io/secrets"


def restarts(lab: Lab, registry: Registry) -> dict[str, str]:
    """Returns the digest that each workload's pods carry: another one means that they were restarted."""
    found = lab.control_plane.kubectl("-n", registry.namespace, "get", "deploy", "-l", "release=cr", "-o", "json")
    items: list[dict[str, Any]] = json.loads(found)["items"]
    pods = {item["metadata"]["labels"]["component"]: item["spec"]["template"]["metadata"] for item in items}
    return {component: metadata.get("annotations", {}).get(DIGEST, "") for component, metadata in pods.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Returns the components whose pods were restarted between two readings."""
    return {component for component, digest in after.items() if before[component] != digest}


def test_a_new_database_password_reaches_jobservice_after_core(lab: Lab, full_registry: RegistryFixture) -> None:
    """Jobservice gets the login from core: the third revision restarts it, when core has the new one."""
    registry = full_registry.registry
    before, revision = restarts(lab, registry), registry.status()["releaseRevision"]
    login = registry.secret("hreg-cr-database-login")
    other = json.dumps({"stringData": {"password": "another0" + login["password"][8:]}})
    lab.control_plane.kubectl("-n", registry.namespace, "patch", "secret", "hreg-cr-database-login", "-p", other)
    seen: list[set[str]] = []

    def is_complete() -> bool:
        found = changed(before, restarts(lab, registry))
        if found and found not in seen:
            seen.append(found)
        return "jobservice" in found

    wait_until(is_complete, "jobservice is restarted after core", deadline=180)
    registry.wait_ready()
    assert "core" in seen[0]
    assert "jobservice" not in seen[0]
    assert not {"registry", "portal", "nginx"} & changed(before, restarts(lab, registry))
    assert registry.status()["releaseRevision"] == revision + 2


def test_a_rotated_database_login_is_never_rejected(lab: Lab, full_registry: RegistryFixture) -> None:
    """Core and jobservice log in with the second role; the server has rejected no login meanwhile."""
    registry, server = full_registry.registry, lab.services.postgres
    before, mark = registry.secret("hreg-cr-database-login"), server.mark()
    annotation = "harbor-operator.io/rotate-database-password-requested-at=1"
    lab.control_plane.kubectl("-n", registry.namespace, "annotate", "--overwrite", "hreg", "cr", annotation)

    def is_complete() -> bool:
        return registry.secret("hreg-cr-database-login").get("retired") == before["username"]

    wait_until(is_complete, "the first role lost its password", deadline=240)
    registry.wait_ready()
    second = registry.secret("hreg-cr-database-login-b")
    assert second["username"] == f"{before['username']}_b"
    core = lab.control_plane.kubectl(
        "-n", registry.namespace, "get", "deploy", "-l", "release=cr,component=core", "-o", "json"
    )
    (pods,) = [item["spec"]["template"]["spec"] for item in json.loads(core)["items"]]
    variables = {entry["name"]: entry for entry in pods["containers"][0]["env"]}
    assert variables["POSTGRESQL_USERNAME"]["value"] == second["username"]
    assert variables["POSTGRESQL_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "hreg-cr-database-login-b"
    assert server.rejected_since(mark) == []


def test_a_renewed_certificate_restarts_nginx_only(lab: Lab, make_registry: MakeRegistry) -> None:
    registry = make_registry("ref-tls")
    issue(lab, registry, "first")
    expose = {"type": "clusterIP", "tlsSecretName": "cr-tls"}
    registry.apply({**spec_for(lab), "expose": expose})
    registry.wait_condition("ReleaseReady", "True", "Converged")
    before = restarts(lab, registry)

    issue(lab, registry, "second")
    wait_until(lambda: changed(before, restarts(lab, registry)), "pods are restarted", deadline=60)
    registry.wait_condition("ReleaseReady", "True", "Converged")
    assert changed(before, restarts(lab, registry)) == {"nginx"}
    assert registry.status()["releaseRevision"] == 2

    between = restarts(lab, registry)
    lab.control_plane.kubectl("-n", registry.namespace, "delete", "secret", "cr-tls")
    annotation = "harbor-operator.io/reconcile-requested-at=deleted"
    lab.control_plane.kubectl("-n", registry.namespace, "annotate", "hreg", "cr", annotation)

    def is_handled() -> bool:
        return registry.status().get("lastHandledReconcileAt") == "deleted"

    wait_until(is_handled, "the operator has seen that the Secret is gone", deadline=60)
    issue(lab, registry, "third")
    wait_until(lambda: changed(between, restarts(lab, registry)), "pods are restarted", deadline=60)
    registry.wait_condition("ReleaseReady", "True", "Converged")
    assert registry.status()["releaseRevision"] == 3


def issue(lab: Lab, registry: Registry, name: str) -> None:
    """Stores a new certificate, as cert-manager does."""
    issued = lab.authority.issue(f"{registry.namespace}-{name}")
    registry.put_secret("cr-tls", {"tls.crt": issued.cert_path.read_text(), "tls.key": issued.key_path.read_text()})
