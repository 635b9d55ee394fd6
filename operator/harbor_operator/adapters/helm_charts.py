"""Resolves a chart reference: a path, a chart in the image, an OCI reference or a name in a repository."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harbor_operator.adapters.chart_archive import InvalidChartArchive, read_chart_metadata
from harbor_operator.checks.chart_sources import chart_path_refused, check_chart_url
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import DesiredRelease
from harbor_operator.ports import Refused, as_error
from harbor_operator.reasons import Reason

# A deep nesting exceeds the recursion limit; a date that does not exist is a ValueError.
_NOT_YAML = (yaml.YAMLError, RecursionError, ValueError)


@dataclass(frozen=True, slots=True)
class ChartReference:
    """The chart argument for Helm; `is_complete` if no `--repo` goes with it."""

    reference: str
    is_complete: bool


def locate_chart(charts_dir: Path | None, sources: ChartSources, desired: DesiredRelease) -> ChartReference:
    """Returns the chart argument, from an allowed source; charts in `charts_dir` are always allowed.

    Raises Refused(CHART_SOURCE_REFUSED) for any other source, and Refused(CHART_UNAVAILABLE) if a path holds no chart
    or another version of it.
    """
    chart, version = desired.chart, desired.version
    if chart.startswith("oci://"):
        _raise_if_refused(check_chart_url(sources, "spec.release.chart", chart))
        return ChartReference(chart, is_complete=True)
    if "/" in chart:
        return ChartReference(str(_local_chart(charts_dir, sources, chart, version)), is_complete=True)
    for bundled in _bundled(charts_dir, chart, version):
        if bundled.exists():
            _require_version(bundled, version)
            return ChartReference(str(bundled), is_complete=True)
    _raise_if_refused(check_chart_url(sources, "spec.release.repository", desired.repository))
    return ChartReference(chart, is_complete=False)


def _local_chart(charts_dir: Path | None, sources: ChartSources, chart: str, version: str) -> Path:
    """Returns the path without symbolic links: what is checked here is what Helm opens."""
    directories = (*sources.directories, *([str(charts_dir)] if charts_dir else []))
    resolved = Path(chart).resolve()
    allowed = ChartSources((), tuple(str(Path(directory).resolve()) for directory in directories))
    if not allowed.allows_path(str(resolved)):
        _raise_if_refused(chart_path_refused(ChartSources(sources.urls, directories), chart))
    _require_version(resolved, version)
    return resolved


def _raise_if_refused(finding: Blocked | None) -> None:
    if finding is not None:
        raise as_error(finding)


def _bundled(charts_dir: Path | None, chart: str, version: str) -> tuple[Path, ...]:
    if charts_dir is None:
        return ()
    return charts_dir / f"{chart}-{version}.tgz", charts_dir / f"{chart}-{version}", charts_dir / chart / version


def _require_version(path: Path, version: str) -> None:
    # Helm ignores `--version` for a path; the release would then never match the spec.
    try:
        found = _metadata(path).get("version")
    except (OSError, EOFError, tarfile.TarError, InvalidChartArchive, AttributeError, *_NOT_YAML) as error:
        raise Refused(
            Reason.CHART_UNAVAILABLE,
            f"`spec.release.chart` names '{path}', which the operator cannot read as a chart: correct the path",
        ) from error
    if found != version:
        raise Refused(
            Reason.CHART_UNAVAILABLE,
            f"`spec.release.chart` names '{path}', which is version '{found}', and `spec.release.version` says"
            f" '{version}': use the same version in both",
        )


def _metadata(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(read_chart_metadata(path))
    return loaded
