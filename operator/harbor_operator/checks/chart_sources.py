"""Checks where a chart comes from."""

from __future__ import annotations

from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.reasons import Reason

SETTING = "HARBOR_OPERATOR_CHART_SOURCES"


def check_chart_url(sources: ChartSources, field: str, url: str) -> Blocked | None:
    """Returns why no chart is taken from this repository or registry; `field` is the place in the spec."""
    return None if sources.allows_url(url) else _refused(sources, field, url)


def chart_path_refused(sources: ChartSources, path: str) -> Blocked:
    """Returns the refusal of a path that is in none of the allowed directories."""
    return _refused(sources, "spec.release.chart", path)


def check_chart_digest(place: str, expected: str, actual: str) -> Blocked | None:
    """Returns that the archive is not the one that the spec names; `actual` is empty for a directory."""
    if expected in {"", actual}:
        return None
    if not actual:
        return Blocked(
            Reason.CHART_DIGEST_MISMATCH,
            f"the chart at {place} is a directory, so `spec.release.digest` cannot be compared and nothing was"
            " installed: pack it with `helm package`, or remove the field",
        )
    return Blocked(
        Reason.CHART_DIGEST_MISMATCH,
        f"the chart archive at {place} has the digest '{actual}', and `spec.release.digest` says '{expected}': nothing"
        " was installed. Compare both with `sha256sum` of an archive from a source that you trust, and set the digest"
        " of that one; if the source has another one, tell its owner",
    )


def check_chart_version(place: str, expected: str, actual: object) -> Blocked | None:
    """Returns that a chart is of another version than the spec says: Helm would install it nevertheless."""
    if actual == expected:
        return None
    return Blocked(
        Reason.CHART_UNAVAILABLE,
        f"the chart at {place} is version '{actual}', and `spec.release.version` says '{expected}': use the same"
        " version in both",
    )


def chart_unreadable(place: str, why: str) -> Blocked:
    """Returns that what is there is no chart."""
    return Blocked(
        Reason.CHART_UNAVAILABLE,
        f"what is at {place} cannot be read as a chart ({why}): correct `spec.release.chart`, or the chart there",
    )


def chart_not_obtained(place: str, why: str) -> Unknown:
    """Returns that a repository or registry did not give the chart; `why` is Helm's error or the exceeded limit."""
    return Unknown(
        Reason.CHART_UNAVAILABLE,
        f"the chart cannot be obtained from {place}: check `spec.release.repository`, `spec.release.chart` and"
        " `spec.release.version`, and for a private source `spec.release.repositorySecretRef` and"
        f" `spec.release.repositoryCASecretRef`. Helm: {why}",
    )


def _refused(sources: ChartSources, field: str, place: str) -> Blocked:
    allowed = ", ".join(f"'{source}'" for source in (*sources.urls, *sources.directories)) or "none"
    return Blocked(
        Reason.CHART_SOURCE_REFUSED,
        f"`{field}` names '{place}', which is not an allowed source of charts (allowed: {allowed}): use an allowed"
        f" source, or ask the administrator of the operator to add this one to its setting `{SETTING}`",
    )
