"""Which annotation requests a reconciliation."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.reconcile_request import reconcile_request

OURS = "harbor-operator.io/reconcile-requested-at"
FLUX = "reconcile.fluxcd.io/requestedAt"


@pytest.mark.parametrize(
    "metadata", [{}, {"annotations": None}, {"annotations": {"a": "b"}}, {"annotations": {OURS: ""}}]
)
def test_without_a_value_there_is_no_request(metadata: dict[str, Any]) -> None:
    assert reconcile_request(metadata) == ""


@pytest.mark.parametrize("key", [OURS, FLUX])
@pytest.mark.parametrize("value", ["2026-11-27T20:00:00Z", "1764273600", "By Argo CD at: 2026-11-27T20:00:00", "now"])
def test_any_value_of_either_annotation_is_a_request(key: str, value: str) -> None:
    assert reconcile_request({"annotations": {key: value}}) == value


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-11-27T20:00:00Z", "2026-11-27T20:00:00.000001Z"),
        ("2026-11-27T22:00:00.123456789+02:00", "2026-11-27T20:00:01Z"),
        ("2026-11-27T20:00:00", "2026-11-27T21:00:01+01:00"),
        ("1764273600", "2026-11-27T20:00:00Z"),
        ("2025-11-27T20:00:00Z", "1764273601"),
        ("now", "1764273600"),
        ("20:00", "0001-01-01T00:00:00+14:00"),
        ("9" * 257, "1"),
    ],
)
def test_of_two_values_the_later_time_is_the_request(earlier: str, later: str) -> None:
    assert reconcile_request({"annotations": {OURS: earlier, FLUX: later}}) == later
    assert reconcile_request({"annotations": {OURS: later, FLUX: earlier}}) == later


@pytest.mark.parametrize(("ours", "flux"), [("one", "two"), ("2026-11-27T20:00:00Z", "2026-11-27T21:00:00+01:00")])
def test_of_two_values_without_an_order_the_operators_own_annotation_is_the_request(ours: str, flux: str) -> None:
    assert reconcile_request({"annotations": {FLUX: flux, OURS: ours}}) == ours


def test_a_value_of_any_size_is_read_without_an_error() -> None:
    assert reconcile_request({"annotations": {OURS: "9" * 256, FLUX: "1"}}) == "9" * 256
    assert reconcile_request({"annotations": {OURS: "x" * 257}}) == ""
