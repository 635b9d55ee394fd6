"""With the admission policy, a service account is born with its reference: made, kept right, told about, taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import yaml

from lab.audit import AuditEvent
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import USER
from lab.process import wait_until
from lab.registries import Registry
from lab.stage import ROOT, Stage, allow_admission_policy
from tests.e2e.conftest import MakeRegistry, Shift
from tests.e2e.test_second_pass import wait_passes
from tests.e2e.world import (
    PULL_SECRET,
    create_namespace,
    listed,
    pull_secret,
    references,
    remove_namespace,
    wait_spread,
)

pytestmark = pytest.mark.e2e

POLICY = "harbor-operator.intra.cr"
SECOND_POLICY = "harbor-operator.t-second.cr"
SECOND_SECRET = "second-pull"
KINDS = ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
NOTE = "harbor-operator.io/attached"


@pytest.fixture(scope="module")
def granted(lab: Lab) -> Iterator[None]:
    """The optional role, for both registries of this file."""
    allow_admission_policy(lab.control_plane, ("intra", "cr"), ("t-second", "cr"))
    yield
    lab.control_plane.kubectl("delete", "clusterrole,clusterrolebinding", "harbor-operator-admission-policy")


@pytest.fixture(scope="module")
def enabled(stage: Stage, granted: None) -> Iterator[None]:
    """The registry of the stage with its policy in force."""
    with enabling(stage):
        stage.registry.wait_ready()
        yield


@contextmanager
def enabling(stage: Stage) -> Iterator[None]:
    stage.registry.patch({"pullSecrets": {"admissionPolicy": "Enabled"}})
    try:
        yield
    finally:
        stage.registry.patch({"pullSecrets": {"admissionPolicy": "Disabled"}})
        stage.registry.wait_ready()


@pytest.fixture
def namespace(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A name for the test's namespace, which goes with the test."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:60].rstrip("-")
    yield name
    remove_namespace(lab, name)


def policies(lab: Lab) -> list[str]:
    """Kind and name of every admission policy and binding."""
    return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in listed(lab, ",".join(KINDS)))


def both(name: str) -> list[str]:
    return [f"MutatingAdmissionPolicy/{name}", f"MutatingAdmissionPolicyBinding/{name}"]


def account(observer: Observer, namespace: str) -> dict[str, Any]:
    return observer.read(f"/api/v1/namespaces/{namespace}/serviceaccounts/default") or {}


def note(observer: Observer, namespace: str) -> str | None:
    found: str | None = account(observer, namespace)["metadata"].get("annotations", {}).get(NOTE)
    return found


def asked(events: list[AuditEvent], namespace: str) -> list[str]:
    return [f"{event.verb} {event.resource}" for event in events if event.namespace == namespace]


def test_without_the_optional_role_it_is_told_and_secrets_spread_as_ever(
    stage: Stage, lab: Lab, observer: Observer, namespace: str
) -> None:
    with enabling(stage):
        condition = stage.registry.wait_condition("PullSecretsReady", "False", "RightsMissing")
        assert "namespaces hold Secret 'harbor-pull'; `spec.pullSecrets.admissionPolicy` needs" in condition["message"]
        assert f"`deploy/components/admission-policy`, with '{POLICY}'" in condition["message"]
        observer.create_namespace(namespace)
        observer.wait_holds(namespace)
        assert policies(lab) == []
    assert "admissionPolicy" not in stage.registry.status()["pullSecrets"]


def test_a_foreign_policy_is_refused_and_left_alone(stage: Stage, lab: Lab, granted: None) -> None:
    theirs = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": POLICY},
        "spec": {"policyName": "theirs"},
    }
    lab.control_plane.apply(theirs)
    with enabling(stage):
        condition = stage.registry.wait_condition("PullSecretsReady", "False", "AdmissionPolicyForeign")
        assert f"MutatingAdmissionPolicyBinding '{POLICY}' already exists" in condition["message"]
        (found,) = listed(lab, KINDS[1])
        assert found["spec"] == theirs["spec"]
        lab.control_plane.kubectl("delete", KINDS[1], POLICY)
        stage.registry.wait_ready()
        assert policies(lab) == both(POLICY)
    assert policies(lab) == []


def test_a_fresh_namespace_costs_one_write_and_no_read(
    stage: Stage, lab: Lab, observer: Observer, enabled: None, namespace: str
) -> None:
    assert stage.registry.status()["pullSecrets"]["admissionPolicy"] == POLICY
    audit = lab.control_plane.audit
    mark = audit.mark()
    observer.create_namespace(namespace)
    observer.wait_holds(namespace)
    wait_spread(stage)
    assert asked(audit.since(mark, user=USER), namespace) == ["patch secrets"]
    of_accounts = [event.verb for event in audit.writes_since(mark) if event.resource == "serviceaccounts"]
    assert of_accounts == ["create"]
    assert note(observer, namespace) == PULL_SECRET


def test_what_was_edited_or_deleted_is_put_right_and_then_left_alone(
    stage: Stage, lab: Lab, shift: Shift, enabled: None
) -> None:
    kubectl, audit = lab.control_plane.kubectl, lab.control_plane.audit
    before = listed(lab, KINDS[0])[0]["spec"]
    excluding = {"matchConstraints": {"excludeResourceRules": before["matchConstraints"]["resourceRules"]}}
    kubectl("patch", KINDS[0], POLICY, "--type=merge", "-p", json.dumps({"spec": excluding}))
    kubectl("delete", KINDS[1], POLICY)
    wait_until(lambda: policies(lab) == both(POLICY), "the binding is back", deadline=30, interval=0.2)
    assert listed(lab, KINDS[0])[0]["spec"] == before
    wait_spread(stage)
    mark = audit.mark()
    wait_passes(shift.operator, 1)
    assert [event.uri for event in audit.writes_since(mark, USER) if event.resource != "leases"] == []


def test_a_new_operator_finds_it_right(stage: Stage, lab: Lab, shift: Shift, enabled: None) -> None:
    wait_spread(stage)
    status = stage.registry.status()
    mark = lab.control_plane.audit.mark()
    shift.replace()
    wait_passes(shift.operator, 1)
    assert stage.registry.status() == status
    assert [event.uri for event in lab.control_plane.audit.writes_since(mark, USER) if event.resource != "leases"] == []


@pytest.fixture
def second(stage: Stage, lab: Lab, make_registry: MakeRegistry, enabled: None) -> Iterator[Registry]:
    """Another registry with a Secret and a policy of its own."""
    registry = make_registry("second")
    registry.put_secret("cr-ca", {"ca.crt": lab.authority.ca_path.read_text()})
    registry.put_secret("admin", stage.registry.secret("hreg-cr-admin-password"))
    spec = {
        "externalURL": stage.front.url,
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


@contextmanager
def naming_secrets(lab: Lab, *names: str) -> Iterator[None]:
    """Another Secret name must be in the ClusterRole."""
    shipped = list(yaml.safe_load_all((ROOT / "deploy" / "base" / "rbac.yaml").read_text()))
    (role,) = [
        item for item in shipped if item["kind"] == "ClusterRole" and item["metadata"]["name"] == "harbor-operator"
    ]
    rules = [{**rule, "resourceNames": names} if rule["resources"] == ["secrets"] else rule for rule in role["rules"]]
    lab.control_plane.apply({**role, "rules": rules})
    try:
        yield
    finally:
        lab.control_plane.apply(role)


def test_one_of_two_registries_goes_and_leaves_nothing_even_where_namespaces_come(
    lab: Lab, observer: Observer, second: Registry, namespace: str
) -> None:
    kubectl, audit = lab.control_plane.kubectl, lab.control_plane.audit
    mark = audit.mark()
    create_namespace(lab, observer, namespace)
    assert sorted(references(observer, namespace)) == [PULL_SECRET, SECOND_SECRET]
    for name in (PULL_SECRET, SECOND_SECRET):
        wait_until(partial(observer.holds, namespace, name), f"'{name}' is there", deadline=20)
    assert asked(audit.since(mark, user=USER), namespace) == ["patch secrets"] * 2

    mark = audit.mark()
    kubectl("-n", second.namespace, "delete", "hreg", second.name, "--wait=false")
    comers: list[str] = []
    while not second.is_gone():
        comers.append(f"comer-{len(comers)}")
        create_namespace(lab, observer, comers[-1])
    assert policies(lab) == both(POLICY)
    for name in (namespace, *comers):
        wait_until(partial(observer.holds, name), f"'{name}' has the other Secret", deadline=20)
        assert references(observer, name) == [PULL_SECRET]
        assert note(observer, name) == PULL_SECRET
        assert pull_secret(observer, name, SECOND_SECRET) is None
        remove_namespace(lab, name)
    writes = [f"{event.verb} {event.resource}" for event in audit.writes_since(mark, USER)]
    order = [
        writes.index(write) for write in (*(f"delete {kind}" for kind in reversed(KINDS)), "patch serviceaccounts")
    ]
    assert order == sorted(order)


def test_disabled_it_is_gone_and_references_stay(
    stage: Stage, lab: Lab, observer: Observer, granted: None, namespace: str
) -> None:
    with enabling(stage):
        stage.registry.wait_ready()
        create_namespace(lab, observer, namespace)
        observer.wait_holds(namespace)
    assert policies(lab) == []
    assert "admissionPolicy" not in stage.registry.status()["pullSecrets"]
    assert references(observer, namespace) == [PULL_SECRET]
    wait_spread(stage)
