"""Checks where a chart comes from."""

from __future__ import annotations

from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason

SETTING = "HARBOR_OPERATOR_CHART_SOURCES"


def check_chart_url(sources: ChartSources, field: str, url: str) -> Blocked | None:
    """Returns why no chart is taken from this repository or registry; `field` is the place in the spec."""
    return None if sources.allows_url(url) else _refused(sources, field, url)


def chart_path_refused(sources: ChartSources, path: str) -> Blocked:
    """Returns the refusal of a path that is in none of the allowed directories."""
    return _refused(sources, "spec.release.chart", path)


def _refused(sources: ChartSources, field: str, place: str) -> Blocked:
    allowed = ", ".join(f"'{source}'" for source in (*sources.urls, *sources.directories)) or "none"
    return Blocked(
        Reason.CHART_SOURCE_REFUSED,
        f"`{field}` names '{place}', which is not an allowed source of charts (allowed: {allowed}): use an allowed"
        f" source, or ask the administrator of the operator to add this one to its setting `{SETTING}`",
    )
