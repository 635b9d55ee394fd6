"""The admission policy adds the reference to new service accounts: creation, repair, status and removal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from lab.audit import AuditEvent
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import USER
from lab.process import wait_until
from lab.registries import Registry
from lab.registry_fixture import RegistryFixture, allow_admission_policy
from tests.e2e.conftest import MakeRegistry
from tests.e2e.pull_only import naming_secrets
from tests.e2e.queries import (
    PULL_SECRET,
    create_namespace,
    listed,
    pull_secret,
    references,
    remove_namespace,
    wait_all_injected,
    wait_passes,
)
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

POLICY = "harbor-operator.intra.cr"
SECOND_POLICY = "harbor-operator.t-second.cr"
SECOND_SECRET = "second-pull"
KINDS = ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
ATTACHED_ANNOTATION = "harbor-operator.io/attached"


@pytest.fixture(scope="module")
def granted(lab: Lab) -> Iterator[None]:
    """Binds the optional role for both registries of this module."""
    allow_admission_policy(lab.control_plane, ("intra", "cr"), ("t-second", "cr"))
    yield
    lab.control_plane.kubectl("delete", "clusterrole,clusterrolebinding", "harbor-operator-admission-policy")


@pytest.fixture(scope="module")
def enabled(full_registry: RegistryFixture, granted: None) -> Iterator[None]:
    """Enables the admission policy of the full registry."""
    with enabling(full_registry):
        full_registry.registry.wait_ready()
        yield


@contextmanager
def enabling(full_registry: RegistryFixture) -> Iterator[None]:
    full_registry.registry.patch({"pullSecrets": {"admissionPolicy": "Enabled"}})
    try:
        yield
    finally:
        full_registry.registry.patch({"pullSecrets": {"admissionPolicy": "Disabled"}})
        full_registry.registry.wait_ready()


def policies(lab: Lab) -> list[str]:
    """Returns kind and name of every admission policy and binding."""
    return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in listed(lab, ",".join(KINDS)))


def both(name: str) -> list[str]:
    return [f"MutatingAdmissionPolicy/{name}", f"MutatingAdmissionPolicyBinding/{name}"]


def account(observer: Observer, namespace: str) -> dict[str, Any]:
    return observer.read(f"/api/v1/namespaces/{namespace}/serviceaccounts/default") or {}


def attached_annotation(observer: Observer, namespace: str) -> str | None:
    found: str | None = account(observer, namespace)["metadata"].get("annotations", {}).get(ATTACHED_ANNOTATION)
    return found


def requests_in(events: list[AuditEvent], namespace: str) -> list[str]:
    return [f"{event.verb} {event.resource}" for event in events if event.namespace == namespace]


def test_without_the_optional_role_the_condition_reports_it_and_injection_continues(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    with enabling(full_registry):
        condition = full_registry.registry.wait_condition("PullSecretsReady", "False", "RightsMissing")
        assert "namespaces hold Secret 'harbor-pull'; `spec.pullSecrets.admissionPolicy` needs" in condition["message"]
        assert f"`deploy/components/admission-policy`, with '{POLICY}'" in condition["message"]
        observer.create_namespace(namespace)
        observer.wait_injected(namespace)
        assert policies(lab) == []
    assert "admissionPolicy" not in full_registry.registry.status()["pullSecrets"]


def test_a_policy_of_another_owner_is_reported_and_not_changed(
    full_registry: RegistryFixture, lab: Lab, granted: None
) -> None:
    theirs = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": POLICY},
        "spec": {"policyName": "theirs"},
    }
    lab.control_plane.apply(theirs)
    with enabling(full_registry):
        condition = full_registry.registry.wait_condition("PullSecretsReady", "False", "AdmissionPolicyForeign")
        assert f"MutatingAdmissionPolicyBinding '{POLICY}' already exists" in condition["message"]
        (found,) = listed(lab, KINDS[1])
        assert found["spec"] == theirs["spec"]
        lab.control_plane.kubectl("delete", KINDS[1], POLICY)
        full_registry.registry.wait_ready()
        assert policies(lab) == both(POLICY)
    assert policies(lab) == []


def test_a_new_namespace_costs_one_write_and_no_read(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, enabled: None, namespace: str
) -> None:
    assert full_registry.registry.status()["pullSecrets"]["admissionPolicy"] == POLICY
    audit = lab.control_plane.audit
    mark = audit.mark()
    observer.create_namespace(namespace)
    observer.wait_injected(namespace)
    wait_all_injected(full_registry)
    assert requests_in(audit.since(mark, user=USER), namespace) == ["patch secrets"]
    of_accounts = [event.verb for event in audit.writes_since(mark) if event.resource == "serviceaccounts"]
    assert of_accounts == ["create"]
    assert attached_annotation(observer, namespace) == PULL_SECRET


def test_an_edited_policy_and_a_deleted_binding_are_restored_once(
    full_registry: RegistryFixture, lab: Lab, running_operator: RunningOperator, enabled: None
) -> None:
    kubectl, audit = lab.control_plane.kubectl, lab.control_plane.audit
    before = listed(lab, KINDS[0])[0]["spec"]
    excluding = {"matchConstraints": {"excludeResourceRules": before["matchConstraints"]["resourceRules"]}}
    kubectl("patch", KINDS[0], POLICY, "--type=merge", "-p", json.dumps({"spec": excluding}))
    kubectl("delete", KINDS[1], POLICY)
    wait_until(lambda: policies(lab) == both(POLICY), "the binding is back", deadline=30)
    assert listed(lab, KINDS[0])[0]["spec"] == before
    wait_all_injected(full_registry)
    mark = audit.mark()
    wait_passes(running_operator.operator, 1)
    assert [event.uri for event in audit.writes_since(mark, USER) if event.resource != "leases"] == []


def test_a_new_operator_changes_nothing(
    full_registry: RegistryFixture, lab: Lab, running_operator: RunningOperator, enabled: None
) -> None:
    wait_all_injected(full_registry)
    status = full_registry.registry.status()
    mark = lab.control_plane.audit.mark()
    running_operator.replace()
    wait_passes(running_operator.operator, 1)
    assert full_registry.registry.status() == status
    assert [event.uri for event in lab.control_plane.audit.writes_since(mark, USER) if event.resource != "leases"] == []


@pytest.fixture
def second(full_registry: RegistryFixture, lab: Lab, make_registry: MakeRegistry, enabled: None) -> Iterator[Registry]:
    """Another registry with its own Secret name and policy."""
    registry = make_registry("second")
    registry.put_secret("cr-ca", {"ca.crt": lab.authority.ca_path.read_text()})
    registry.put_secret("admin", full_registry.registry.secret("hreg-cr-admin-password"))
    spec = {
        "externalURL": full_registry.front.url,
        "caSecretRef": {"name": "cr-ca"},
        "adminPasswordSecretRef": {"name": "admin"},
        "checkIntervalSeconds": 5,
        "pullSecrets": {
            "secretName": SECOND_SECRET,
            "credential": {"robot": {}},
            "admissionPolicy": "Enabled",
        },
    }
    with naming_secrets(lab, PULL_SECRET, SECOND_SECRET):
        registry.apply(spec)
        registry.wait_ready()
        yield registry


def test_deleting_one_of_two_registries_leaves_nothing_in_old_and_new_namespaces(
    lab: Lab, observer: Observer, second: Registry, namespace: str
) -> None:
    kubectl, audit = lab.control_plane.kubectl, lab.control_plane.audit
    mark = audit.mark()
    create_namespace(lab, observer, namespace)
    assert sorted(references(observer, namespace)) == [PULL_SECRET, SECOND_SECRET]
    for name in (PULL_SECRET, SECOND_SECRET):
        wait_until(partial(observer.is_injected, namespace, name), f"'{name}' is there", deadline=20)
    assert requests_in(audit.since(mark, user=USER), namespace) == ["patch secrets"] * 2

    mark = audit.mark()
    kubectl("-n", second.namespace, "delete", "hreg", second.name, "--wait=false")
    arrivals: list[str] = []
    while not second.is_gone():
        arrivals.append(f"arrival-{len(arrivals)}")
        create_namespace(lab, observer, arrivals[-1])
    assert policies(lab) == both(POLICY)
    for name in (namespace, *arrivals):
        wait_until(partial(observer.is_injected, name), f"'{name}' has the remaining Secret", deadline=20)
        assert references(observer, name) == [PULL_SECRET]
        assert attached_annotation(observer, name) == PULL_SECRET
        assert pull_secret(observer, name, SECOND_SECRET) is None
        remove_namespace(lab, name)
    writes = [f"{event.verb} {event.resource}" for event in audit.writes_since(mark, USER)]
    order = [
        writes.index(write) for write in (*(f"delete {kind}" for kind in reversed(KINDS)), "patch serviceaccounts")
    ]
    assert order == sorted(order)


def test_disabling_removes_the_policy_and_keeps_references(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, granted: None, namespace: str
) -> None:
    with enabling(full_registry):
        full_registry.registry.wait_ready()
        create_namespace(lab, observer, namespace)
        observer.wait_injected(namespace)
    assert policies(lab) == []
    assert "admissionPolicy" not in full_registry.registry.status()["pullSecrets"]
    assert references(observer, namespace) == [PULL_SECRET]
    wait_all_injected(full_registry)
