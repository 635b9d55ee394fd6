"""The desired policy and binding of a registry; tests/contract/test_admission.py applies them to an API server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harbor_operator.checks.admission import foreign_policy
from harbor_operator.model.admission import AdmissionKind, ObservedPolicy, Spec
from harbor_operator.plan import names
from harbor_operator.plan.admission import plan_no_admission
from harbor_operator.reasons import Reason
from tests.fakes.admission import asking, desired_policies

GOLDEN = Path(__file__).parents[2] / "golden" / "admission-policy.yaml"
NAMESPACES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True)


def policy_spec(**section: Any) -> Spec:
    return desired_policies(**section)[0].spec


def test_policy_and_binding_match_the_golden_file() -> None:
    objects = desired_policies(
        serviceAccounts=["default", "builder", "default"],
        namespaces={
            "exclude": ["kube-*", "team-[ab]-?", "Never*"],
            "selector": {
                "matchLabels": {"pull": "yes"},
                "matchExpressions": [
                    {"key": "team", "operator": "In", "values": ["b", "a"]},
                    {"key": "old", "operator": "DoesNotExist"},
                ],
            },
        },
    )
    documents = [
        {
            "kind": str(desired.kind),
            "name": desired.name,
            "labels": desired.labels,
            "annotations": desired.annotations,
            "spec": desired.spec,
        }
        for desired in objects
    ]
    text = yaml.safe_dump_all(documents, sort_keys=False, width=120)
    if "GOLDEN" in os.environ:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text(), "run with GOLDEN=1 and read the difference"


def test_every_account_needs_no_resource_names() -> None:
    (rule,) = policy_spec(serviceAccounts=["builder", "*"])["matchConstraints"]["resourceRules"]
    assert "resourceNames" not in rule


def test_without_a_selector_all_namespaces_match() -> None:
    assert policy_spec()["matchConstraints"]["namespaceSelector"] == {}


def test_kube_namespaces_are_always_excluded() -> None:
    condition = policy_spec(namespaces={"exclude": []})["matchConditions"][0]
    assert condition["expression"] == '!request.namespace.matches("^(kube-.*)$")'


def test_an_error_in_the_policy_is_ignored() -> None:
    assert policy_spec()["failurePolicy"] == "Ignore"


@given(one=st.tuples(NAMESPACES, NAMES), other=st.tuples(NAMESPACES, NAMES))
def test_the_name_is_unique_per_registry(one: tuple[str, str], other: tuple[str, str]) -> None:
    first, second = (names.admission_policy(asking(*reversed(key))) for key in (one, other))
    assert (first == second) is (one == other)
    assert max(len(first), len(second)) <= 253


def test_a_hyphen_does_not_separate_namespace_and_name() -> None:
    assert names.admission_policy(asking("c", "a-b")) == "harbor-operator.a-b.c"
    assert names.admission_policy(asking("b-c", "a")) == "harbor-operator.a.b-c"


def test_removal_is_in_reverse_order_and_needs_no_spec() -> None:
    created, removed = desired_policies(), plan_no_admission(asking())
    assert [desired.kind for desired in created] == list(AdmissionKind)
    assert [(desired.kind, desired.name, desired.labels) for desired in reversed(removed)] == [
        (desired.kind, desired.name, desired.labels) for desired in created
    ]


@pytest.mark.parametrize(
    ("labels", "is_ours"),
    [
        ({}, True),
        ({"theirs": "too"}, True),
        ({names.MANAGED_BY: "helm"}, False),
        ({names.REGISTRY_NAMESPACE: "elsewhere"}, False),
    ],
)
def test_an_object_with_the_registrys_labels_is_ours(labels: dict[str, str], is_ours: bool) -> None:
    desired = plan_no_admission(asking())[0]
    assert desired.owns(ObservedPolicy("uid", "1", {**desired.labels, **labels}, {})) is is_ours


def test_a_foreign_policy_of_the_same_name_is_refused_with_a_remedy() -> None:
    blocked = foreign_policy(AdmissionKind.BINDING, "harbor-operator.intra.cr")
    assert blocked.reason is Reason.ADMISSION_POLICY_FOREIGN
    assert "MutatingAdmissionPolicyBinding 'harbor-operator.intra.cr'" in blocked.message
    assert "`spec.pullSecrets.admissionPolicy`" in blocked.message


def test_an_added_field_is_a_difference() -> None:
    (desired, _) = desired_policies()
    assert desired.is_met_by(ObservedPolicy("uid", "1", desired.labels, dict(desired.spec)))
    added = {**desired.spec, "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}
    assert not desired.is_met_by(ObservedPolicy("uid", "1", desired.labels, added))
