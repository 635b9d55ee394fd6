from __future__ import annotations

import pytest
from pydantic import ValidationError

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


@pytest.mark.parametrize(
    ("exclude", "selected"), [([], False), (["gke-*"], False), (["!kube-*"], True), (["!kube-*", "kube-s*"], False)]
)
def test_system_namespaces_are_selected_only_if_the_list_says_so(exclude: list[str], selected: bool) -> None:
    """Finding S9: a list without `kube-*` included them by accident."""
    assert is_selected(NamespaceSelection(exclude=exclude), "kube-system", {}) is selected
    assert is_selected(NamespaceSelection(exclude=exclude), "app", {})


def test_only_the_system_namespaces_can_be_included_by_a_pattern() -> None:
    """Finding S9."""
    with pytest.raises(ValidationError):
        NamespaceSelection(exclude=["!app"])


@pytest.mark.parametrize(
    ("opt_in", "inject", "selected"),
    [
        (False, "", True),
        (False, "enabled", True),
        (False, "disabled", False),
        (True, "", False),
        (True, "enabled", True),
        (True, "disabled", False),
    ],
)
def test_the_annotation_of_a_namespace_chooses(opt_in: bool, inject: str, selected: bool) -> None:
    assert is_selected(NamespaceSelection(opt_in=opt_in), "app", {}, inject) is selected


def test_the_annotation_of_a_namespace_only_narrows() -> None:
    for selection in (NamespaceSelection(exclude=["app"]), expression("Exists")):
        assert not is_selected(selection, "app", {}, "enabled")
