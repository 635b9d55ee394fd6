"""Which differences between a live object and its dry run count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import ObservedObject, ReleaseObject
from harbor_operator.plan.release_drift import find_drift, is_scaled_by_other

DESIRED = ReleaseObject(ListedObject("apps/v1", "Deployment", "cr-core", "intra"), {"spec": {"replicas": 1, "a": 1}})
VOLUME = ReleaseObject(ListedObject("v1", "PersistentVolumeClaim", "cr-data", "intra"), {})

json_values = st.recursive(
    st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


def live(spec: Any, **metadata: Any) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"name": "cr-core", **metadata}, "spec": spec}


def fields(before: Any, after: Any) -> tuple[str, ...]:
    drift = find_drift(ObservedObject(DESIRED, live(before), live(after)))
    return drift.fields if drift else ()


@given(json_values)
def test_an_object_that_a_dry_run_does_not_change_has_no_drift(spec: Any) -> None:
    assert fields(spec, spec) == ()


@given(json_values, json_values)
def test_any_other_object_has_drift_below_what_differs(before: Any, after: Any) -> None:
    found = fields(before, after)
    assert bool(found) == (before != after)
    assert all(path.startswith("spec") for path in found)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"containers": [{"name": "a", "image": "x"}]}, {"containers": [{"name": "a", "image": "y"}]}, "[a].image"),
        ({"ports": [1, 2]}, {"ports": [1]}, "spec.ports[1]"),
        ({"data": {"app.conf": "x"}}, {"data": {}}, "spec.data[app.conf]"),
        ({"a": {"b": 1}}, {"a": 2}, "spec.a"),
    ],
)
def test_a_path_says_where_the_difference_is(before: Any, after: Any, expected: str) -> None:
    (path,) = fields(before, after)
    assert path.endswith(expected)


def test_what_the_server_writes_itself_does_not_count() -> None:
    before = {**live({}, resourceVersion="1", generation=1, managedFields=[]), "status": {"replicas": 1}}
    after = {**live({}, resourceVersion="2", generation=2, managedFields=[{}]), "status": {}}
    assert find_drift(ObservedObject(DESIRED, before, after)) is None


def test_replicas_that_another_client_scales_are_neither_reported_nor_applied() -> None:
    owner = {"subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    scaled = live({"replicas": 3, "a": 2}, managedFields=[{"manager": "helm"}, owner])
    assert is_scaled_by_other(scaled)
    assert find_drift(ObservedObject(DESIRED, scaled, live({"replicas": 1, "a": 2}))) is None
    drift = find_drift(ObservedObject(DESIRED, scaled, live({"replicas": 1, "a": 1})))
    assert drift
    assert drift.fields == ("spec.a",)
    assert drift.repair
    assert drift.repair.manifest == {"spec": {"a": 1}}


@pytest.mark.parametrize(
    "owner",
    [
        {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"subresource": "scale", "fieldsV1": {"f:spec": {}}},
        {"subresource": "status", "fieldsV1": {"f:status": {"f:replicas": {}}}},
        {"subresource": "scale"},
    ],
)
def test_replicas_that_are_edited_are_drift(owner: dict[str, Any]) -> None:
    edited = live({"replicas": 3}, managedFields=[owner])
    drift = find_drift(ObservedObject(DESIRED, edited, live({"replicas": 1})))
    assert drift
    assert drift.fields == ("spec.replicas",)


def test_a_deleted_object_is_applied_again_unless_it_is_a_volume() -> None:
    drift, lost = find_drift(ObservedObject(DESIRED)), find_drift(ObservedObject(VOLUME))
    assert drift
    assert lost
    assert (drift.fields, drift.repair) == ((), DESIRED)
    assert (lost.fields, lost.repair) == ((), None)


def test_an_object_that_was_not_compared_has_no_drift() -> None:
    assert find_drift(ObservedObject(DESIRED, error="refused")) is None


def test_a_deleted_route_is_repaired() -> None:
    """The message about a missing HTTPRoute names this remedy."""
    route = ReleaseObject(ListedObject("gateway.networking.k8s.io/v1", "HTTPRoute", "cr-harbor-route", "intra"), {})
    drift = find_drift(ObservedObject(route, None, {"metadata": {}}))
    assert drift
    assert drift.repair == route
