"""A registry -> a policy and its binding; what the API server makes of them is in tests/contract/test_admission.py."""

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
from tests.fakes.admission import asking, wishes

GOLDEN = Path(__file__).parents[2] / "golden" / "admission-policy.yaml"
PLACES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True)


def policy(**section: Any) -> Spec:
    return wishes(**section)[0].spec


def test_policy_and_binding_are_the_golden_ones() -> None:
    made = wishes(
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
    objects = [
        {
            "kind": str(desired.kind),
            "name": desired.name,
            "labels": desired.labels,
            "notes": desired.annotations,
            "spec": desired.spec,
        }
        for desired in made
    ]
    text = yaml.safe_dump_all(objects, sort_keys=False, width=120)
    if "GOLDEN" in os.environ:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text(), "run with GOLDEN=1 and read the difference"


def test_every_account_means_no_names() -> None:
    (rule,) = policy(serviceAccounts=["builder", "*"])["matchConstraints"]["resourceRules"]
    assert "resourceNames" not in rule


def test_no_selector_means_all_namespaces() -> None:
    assert policy()["matchConstraints"]["namespaceSelector"] == {}


def test_kube_namespaces_are_left_alone_whatever_the_spec_says() -> None:
    condition = policy(namespaces={"exclude": []})["matchConditions"][0]
    assert condition["expression"] == '!request.namespace.matches("^(kube-.*)$")'


def test_an_error_in_it_stops_nobody() -> None:
    assert policy()["failurePolicy"] == "Ignore"


@given(one=st.tuples(PLACES, NAMES), other=st.tuples(PLACES, NAMES))
def test_no_two_registries_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    first, second = (names.admission_policy(asking(*reversed(key))) for key in (one, other))
    assert (first == second) is (one == other)
    assert max(len(first), len(second)) <= 253


def test_a_hyphen_is_no_border() -> None:
    assert names.admission_policy(asking("c", "a-b")) == "harbor-operator.a-b.c"
    assert names.admission_policy(asking("b-c", "a")) == "harbor-operator.a.b-c"


def test_removal_goes_the_other_way_round_and_needs_no_section() -> None:
    made, gone = wishes(), plan_no_admission(asking())
    assert [desired.kind for desired in made] == list(AdmissionKind)
    assert [(desired.kind, desired.name, desired.labels) for desired in reversed(gone)] == [
        (desired.kind, desired.name, desired.labels) for desired in made
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
def test_only_what_carries_our_labels_is_ours(labels: dict[str, str], is_ours: bool) -> None:
    desired = plan_no_admission(asking())[0]
    assert desired.owns(ObservedPolicy("uid", "1", {**desired.labels, **labels}, {})) is is_ours


def test_a_policy_of_our_name_is_refused_with_the_remedy() -> None:
    obstacle = foreign_policy(AdmissionKind.BINDING, "harbor-operator.intra.cr")
    assert obstacle.reason is Reason.ADMISSION_POLICY_FOREIGN
    assert "MutatingAdmissionPolicyBinding 'harbor-operator.intra.cr'" in obstacle.message
    assert "`spec.pullSecrets.admissionPolicy`" in obstacle.message


def test_one_added_field_is_a_difference() -> None:
    (desired, _) = wishes()
    assert desired.is_met_by(ObservedPolicy("uid", "1", desired.labels, dict(desired.spec)))
    added = {**desired.spec, "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}
    assert not desired.is_met_by(ObservedPolicy("uid", "1", desired.labels, added))
