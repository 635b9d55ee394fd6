"""The name from which the chart derives the names of its objects, volumes included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harbor_operator.api.charts import Feature

_CHART_NAME = "harbor"
_MAX_LENGTH = 63


def chart_name(values: Mapping[str, Any]) -> str:
    """Returns what the template 'harbor.name' makes of the values: the label `app` of every object."""
    return str(values.get("nameOverride") or _CHART_NAME)[:_MAX_LENGTH].removesuffix("-")


def full_name(release: str, chart_minor: int, values: Mapping[str, Any]) -> str:
    """Returns what the template 'harbor.fullname' of charts 1.`chart_minor` makes of the release and the values.

    Charts before 1.7 do not read `fullnameOverride`, and repeat a name that the release already contains.
    """
    name = str(values.get("nameOverride") or _CHART_NAME)
    full = f"{release}-{name}"
    if Feature.FULL_NAME.minors.includes(chart_minor):
        full = str(values.get("fullnameOverride") or "") or (release if name in release else full)
    return full[:_MAX_LENGTH].removesuffix("-")
