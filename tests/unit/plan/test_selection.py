from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import LabelExpression, LabelSelector, NamespaceSelection
from harbor_operator.plan.selection import is_selected


def expression(operator: str, *values: str) -> NamespaceSelection:
    entry = LabelExpression.model_validate({"key": "team", "operator": operator, "values": list(values)})
    return NamespaceSelection(selector=LabelSelector(match_expressions=[entry]))


@pytest.mark.parametrize(
    ("name", "selected"),
    [("app", True), ("kube-system", False), ("kubed", True), ("ci-1", False), ("ci-12", True)],
)
def test_patterns_exclude_by_name(name: str, selected: bool) -> None:
    assert is_selected(NamespaceSelection(exclude=["kube-*", "ci-?"]), name, {}) is selected


@pytest.mark.parametrize(
    ("selection", "without", "with_a", "with_b"),
    [
        (expression("In", "a"), False, True, False),
        (expression("NotIn", "a"), True, False, True),
        (expression("Exists"), False, True, True),
        (expression("DoesNotExist"), True, False, False),
        (NamespaceSelection(selector=LabelSelector(match_labels={"team": "a"})), False, True, False),
    ],
)
def test_selectors_are_those_of_kubernetes(
    selection: NamespaceSelection, without: bool, with_a: bool, with_b: bool
) -> None:
    labels: list[dict[str, str]] = [{}, {"team": "a"}, {"team": "b"}]
    assert [is_selected(selection, "app", each) for each in labels] == [without, with_a, with_b]
