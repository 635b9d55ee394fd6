"""A mutating admission policy rewrites what the operator writes: the namespace is named, and the writes slow down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.operator import USER
from lab.process import LabError, wait_until
from lab.registries import Manifest, Registry
from tests.e2e.pull_only import (  # noqa: F401 - fixtures
    PullOnlyLab,
    lab_of_pull_only,
    pull_only_lab,
    ready_registry,
)
from tests.e2e.queries import PULL_SECRET, create_namespace, pull_secret, references, wait_passes

pytestmark = pytest.mark.e2e

POLICY = "rewrites"
KINDS = "mutatingadmissionpolicies,mutatingadmissionpolicybindings"
API_VERSION = "admissionregistration.k8s.io/v1"
OWNER = "harbor-operator.io/registry-uid"
MANAGED_BY = "app.kubernetes.io/managed-by"
MAX_SLOW_WRITES = 3
"""Writes during two reconciliations after a conflict is reported; without a back-off there would be hundreds."""


@dataclass(frozen=True)
class Rewrite:
    """Which objects a policy changes and how, in CEL, and an object that it changes."""

    resource: str
    condition: str
    mutation: str
    probe: Manifest


def removing_label(label: str) -> Rewrite:
    """Removes a label of every Secret whose name begins with that of the pull Secret."""
    metadata = {"name": f"{PULL_SECRET}-probe", "labels": {label: "probe"}}
    return Rewrite(
        "secrets",
        f"object.metadata.name.startsWith('{PULL_SECRET}') && '{label}' in object.metadata.?labels.orValue({{}})",
        f'[JSONPatch{{op: "remove", path: "/metadata/labels/" + jsonpatch.escapeKey("{label}")}}]',
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata},
    )


REMOVING_REFERENCES = Rewrite(
    "serviceaccounts",
    "has(object.imagePullSecrets)",
    '[JSONPatch{op: "remove", path: "/imagePullSecrets"}]',
    {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "probe"},
        "imagePullSecrets": [{"name": PULL_SECRET}],
    },
)


@contextmanager
def rewriting(lab: Lab, namespace: str, rewrite: Rewrite) -> Iterator[None]:
    """Has the API server rewrite objects of one namespace until the block ends."""
    operations = ["CREATE", "UPDATE"]
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": operations, "resources": [rewrite.resource]}
    spec = {
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [rule],
        },
        "matchConditions": [{"name": "concerned", "expression": rewrite.condition}],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": rewrite.mutation}}],
    }
    policy = {"kind": "MutatingAdmissionPolicy", "spec": spec}
    binding = {"kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": POLICY}}
    lab.control_plane.apply(
        *({"apiVersion": API_VERSION, "metadata": {"name": POLICY}, **one} for one in (policy, binding))
    )
    try:
        wait_until(lambda: is_rewritten(lab, namespace, rewrite.probe), "the policy is in force", deadline=30)
        yield
    finally:
        lab.control_plane.kubectl("delete", KINDS, POLICY)
        wait_until(lambda: not is_rewritten(lab, namespace, rewrite.probe), "the policy has ended", deadline=30)


def is_rewritten(lab: Lab, namespace: str, probe: Manifest) -> bool:
    """Whether the API server would change an object at its creation."""
    command = ("-n", namespace, "create", "--dry-run=server", "-o", "json", "-f", "-")
    try:
        answer = json.loads(lab.control_plane.kubectl(*command, input=json.dumps(probe)))
    except LabError:
        return False
    sent = (probe["metadata"].get("labels"), probe.get("imagePullSecrets"))
    return (answer["metadata"].get("labels"), answer.get("imagePullSecrets")) != sent


def writes_in(lab: Lab, namespace: str, mark: int) -> list[str]:
    """Returns the writes of the operator in a namespace since the mark."""
    writes = lab.control_plane.audit.writes_since(mark, USER)
    return [f"{event.verb} {event.uri}" for event in writes if event.namespace == namespace]


def conflicts(registry: Registry) -> str:
    """Returns the message of the warning about conflicts, or an empty text."""
    found = [one["message"] for one in registry.status()["warnings"] if one["code"] == "PullSecretsConflict"]
    return "".join(found)


def test_a_secret_without_the_label_of_its_owner_is_named_and_not_written_again(
    pull_only: PullOnlyLab, registry: Registry, lab: Lab, observer: Observer, namespace: str
) -> None:
    """Finding F4: the operator took the Secret that it had just written for that of another client."""
    create_namespace(lab, observer, namespace)
    observer.wait_injected(namespace)
    with rewriting(lab, namespace, removing_label(OWNER)):
        lab.control_plane.kubectl("-n", namespace, "delete", "secret", PULL_SECRET)
        condition = registry.wait_condition("PullSecretsReady", "False", "NamespacesFailed")
        assert f"'{namespace}': PullSecretRewritten" in condition["message"]
        (failure,) = registry.status()["pullSecrets"]["failures"]
        assert (failure["namespace"], failure["reason"]) == (namespace, "PullSecretRewritten")
        assert "admission policy or webhook" in failure["message"]
        mark = lab.control_plane.audit.mark()
        wait_passes(pull_only.running_operator.operator, 2)
        assert writes_in(lab, namespace, mark) == []
        assert observer.is_injected("default")
    lab.control_plane.kubectl("-n", namespace, "delete", "secret", PULL_SECRET)
    observer.wait_injected(namespace)
    registry.wait_ready(deadline=60)


def test_a_secret_without_another_label_is_named_and_written_ever_more_slowly(
    pull_only: PullOnlyLab, registry: Registry, lab: Lab, observer: Observer, namespace: str
) -> None:
    """Finding F4."""
    create_namespace(lab, observer, namespace)
    observer.wait_injected(namespace)
    with rewriting(lab, namespace, removing_label(MANAGED_BY)):
        lab.control_plane.kubectl("-n", namespace, "delete", "secret", PULL_SECRET)
        assert_slow(pull_only, registry, namespace, f"Secret '{PULL_SECRET}'")

    def has_label() -> bool:
        return MANAGED_BY in (pull_secret(observer, namespace) or {"metadata": {}})["metadata"].get("labels", {})

    wait_until(has_label, "the label is back", deadline=120)
    registry.wait_ready(deadline=60)


def test_a_service_account_without_its_reference_is_named_and_written_ever_more_slowly(
    pull_only: PullOnlyLab, registry: Registry, lab: Lab, observer: Observer, namespace: str
) -> None:
    """Finding F4."""
    create_namespace(lab, observer, namespace)
    observer.wait_injected(namespace)
    with rewriting(lab, namespace, REMOVING_REFERENCES):
        patch = '{"imagePullSecrets": null}'
        lab.control_plane.kubectl("-n", namespace, "patch", "serviceaccount", "default", "--type=merge", "-p", patch)
        assert_slow(pull_only, registry, namespace, "ServiceAccount 'default'")
    wait_until(lambda: references(observer, namespace) == [PULL_SECRET], "the reference is back", deadline=120)
    registry.wait_ready(deadline=60)


def assert_slow(pull_only: PullOnlyLab, registry: Registry, namespace: str, subject: str) -> None:
    """Asserts that the warning names the object, that the writes have become rare, and that others are served."""
    named = f"{subject} in namespace '{namespace}'"
    wait_until(lambda: named in conflicts(registry), "the registry reports a conflict", deadline=60)
    assert "an admission policy or a webhook" in conflicts(registry)
    mark = pull_only.lab.control_plane.audit.mark()
    wait_passes(pull_only.running_operator.operator, 2)
    assert len(writes_in(pull_only.lab, namespace, mark)) <= MAX_SLOW_WRITES
