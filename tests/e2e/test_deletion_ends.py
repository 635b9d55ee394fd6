"""Every deletion ends or says why: missing rights, a server that is gone, a deleted namespace, a deleted CRD."""

from __future__ import annotations

import json

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.operator import NAMESPACE as OPERATOR_NAMESPACE
from lab.process import wait_until
from lab.registries import Manifest, Registry
from tests.e2e.canaries import canaries_in
from tests.e2e.dedicated import DedicatedLab, dedicated_lab, lab_of_module, operator_of_module  # noqa: F401 - fixtures
from tests.e2e.queries import PULL_SECRET, create_namespace, pull_secret, references

pytestmark = pytest.mark.e2e

KUBELET = False
DELETION_SECONDS = 60.0
CRD = "harborregistries.harbor-operator.io"


def with_database(policy: str = "Retain") -> Manifest:
    """A spec with a database on a server that does not exist."""
    return {
        "externalURL": "https://localhost:1",
        "checkIntervalSeconds": 5,
        "database": {"host": "127.0.0.1", "port": 1, "adminSecretRef": {"name": "pg"}},
        "deletionPolicy": {"database": policy},
    }


def operator_events(lab: Lab, registry: Registry) -> list[str]:
    """Returns the messages about a registry in the namespace of the operator."""
    found = json.loads(lab.control_plane.kubectl("-n", OPERATOR_NAMESPACE, "get", "events", "-o", "json"))["items"]
    prefix = f"HarborRegistry '{registry.namespace}/{registry.name}': "
    return [item["message"].removeprefix(prefix) for item in found if item["message"].startswith(prefix)]


def test_a_registry_in_a_namespace_without_the_role_binding_can_be_deleted(lab: Lab) -> None:
    """Finding R2: the finalizer waited for rights that the operator never had."""
    lab.control_plane.kubectl("create", "namespace", "t-unbound")
    registry = Registry(lab.control_plane, "t-unbound", "cr")
    registry.apply(with_database("Delete"))
    registry.wait_condition("DatabaseReady", "False", "RightsMissing")
    assert registry.status()["untouched"] is True
    registry.delete(DELETION_SECONDS)


def test_a_deletion_without_its_server_says_why_and_the_annotation_ends_it(lab: Lab) -> None:
    """Finding R2: a PostgreSQL server that no longer existed blocked the deletion, and there was no way out."""
    kubectl = lab.control_plane.kubectl
    registry = Registry(lab.control_plane, "t-abandoned", "cr")
    registry.prepare()
    registry.put_secret("pg", {"username": "postgres", "password": "unused-1"})
    registry.apply(with_database("Delete"))
    registry.wait_condition("DatabaseReady", "Unknown", "DatabaseUnreachable")
    kubectl("-n", "t-abandoned", "delete", "hreg", "cr", "--wait=false")
    way_out = "harbor-operator.io/abandon"
    wait_until(lambda: way_out in registry.condition("DatabaseReady")["message"], "the way out is named", deadline=60)
    assert "harbor-operator.io/teardown" not in registry.read()["metadata"]["annotations"]
    kubectl("-n", "t-abandoned", "annotate", "hreg", "cr", f"{way_out}=true")
    wait_until(registry.is_gone, "the registry is gone", deadline=DELETION_SECONDS)
    (message,) = operator_events(lab, registry)
    assert "databases 'registry' and role 'harbor_t_abandoned_cr_" in message
    assert registry.secret("pg")["username"] == "postgres"


def test_a_deleted_namespace_ends_although_a_tenant_keeps_its_pull_secret(
    dedicated: DedicatedLab, lab: Lab, observer: Observer
) -> None:
    """Findings R2 and R4: the namespace controller removes the RoleBinding first; a tenant keeps a Secret."""
    kubectl, registry = lab.control_plane.kubectl, dedicated.fixture.registry
    registry.apply(dedicated.fixture.spec)
    for name in ("shop", "free"):
        create_namespace(lab, observer, name)
        observer.wait_injected(name)
    registry.wait_ready()
    canaries_in(lab).add_registry(dedicated.fixture)
    held = '{"metadata":{"finalizers":["example.com/held"]}}'
    kubectl("-n", "shop", "patch", "secret", PULL_SECRET, "--type=merge", "-p", held)
    kubectl("delete", "namespace", registry.namespace, "--wait=false")
    path = f"/api/v1/namespaces/{registry.namespace}"
    wait_until(lambda: lab.control_plane.client.read(path) is None, "it is gone", deadline=DELETION_SECONDS)
    assert pull_secret(observer, "free") is None
    assert references(observer, "shop") == references(observer, "free") == []
    message, *_ = operator_events(lab, registry)  # an attempt that is repeated reports again
    assert "robots 'intra-cr-pull-" in message
    assert f"Secret '{PULL_SECRET}' in namespace 'shop'" in message
    free = '{"metadata":{"finalizers":null}}'
    kubectl("-n", "shop", "patch", "secret", PULL_SECRET, "--type=merge", "-p", free)
    wait_until(lambda: pull_secret(observer, "shop") is None, "the Secret is gone", deadline=30)


def test_a_deleted_crd_deletes_its_registries_first_while_the_operator_runs(lab: Lab) -> None:
    """Finding R10: the documented order of an uninstallation, and the wrong one."""
    registry = Registry(lab.control_plane, "t-crd", "cr")
    registry.prepare()
    registry.put_secret("pg", {"username": "postgres", "password": "unused-1"})
    registry.apply(with_database())
    registry.wait_condition("DatabaseReady", "Unknown", "DatabaseUnreachable")
    lab.control_plane.kubectl("delete", "crd", CRD, "--wait=false")
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD}"
    wait_until(lambda: lab.control_plane.client.read(path) is None, "the CRD is gone", deadline=DELETION_SECONDS)
    assert registry.secret("pg")["username"] == "postgres"
