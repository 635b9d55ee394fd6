"""Selectors match as in the API server: for every selector, both find the same objects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings

from harbor_operator.api.v1alpha1 import LabelExpression, LabelSelector, NamespaceSelection
from harbor_operator.plan.selection import is_selected
from lab.controlplane import ControlPlane
from lab.observer import Observer
from tests.unit.injector.selections import selectors

pytestmark = pytest.mark.lab
PATH = "/api/v1/namespaces/default/configmaps"
MARK = "labelled=for-the-test"
VALUES = (None, "", "a", "b")
LABELS = {
    f"labels-{number}": {key: value for key, value in zip(("team", "tier"), values, strict=True) if value is not None}
    for number, values in enumerate(product(VALUES, VALUES))
}
"""One object for each combination of two labels that are absent, empty or set; it need not be a Namespace."""


@pytest.fixture(scope="module")
def observer(plane: ControlPlane) -> Iterator[Observer]:
    mark = dict([MARK.split("=")])
    metadata = [{"name": name, "namespace": "default", "labels": labels | mark} for name, labels in LABELS.items()]
    plane.apply(*({"apiVersion": "v1", "kind": "ConfigMap", "metadata": each} for each in metadata))
    observer = Observer(plane)
    yield observer
    observer.close()
    plane.kubectl("delete", "configmap", "-l", MARK)


def query(selector: LabelSelector) -> str:
    """The selector in the server's own language."""
    equal = [f"{key}={value}" for key, value in selector.match_labels.items()]
    return ",".join([MARK, *equal, *map(_requirement, selector.match_expressions)])


def _requirement(expression: LabelExpression) -> str:
    values = ",".join(expression.values)
    return {
        "In": f"{expression.key} in ({values})",
        "NotIn": f"{expression.key} notin ({values})",
        "Exists": expression.key,
        "DoesNotExist": f"!{expression.key}",
    }[expression.operator]


@settings(max_examples=150, deadline=None)
@given(selector=selectors)
def test_both_find_the_same(observer: Observer, selector: LabelSelector) -> None:
    found = observer.read(f"{PATH}?{urlencode({'labelSelector': query(selector)})}")
    assert found is not None
    selection = NamespaceSelection(selector=selector, exclude=[])
    ours = {name for name, labels in LABELS.items() if is_selected(selection, name, labels)}
    assert {item["metadata"]["name"] for item in found["items"]} == ours
