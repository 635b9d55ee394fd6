"""Resolves a chart reference: a path, a chart in the image, an OCI reference or a name in a repository."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harbor_operator.adapters.chart_archive import InvalidChartArchive, read_chart_metadata
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

# A deep nesting exceeds the recursion limit; a date that does not exist is a ValueError.
_NOT_YAML = (yaml.YAMLError, RecursionError, ValueError)


@dataclass(frozen=True, slots=True)
class ChartReference:
    """The chart argument for Helm; `is_complete` if no `--repo` goes with it."""

    reference: str
    is_complete: bool


def locate_chart(charts_dir: Path | None, chart: str, version: str) -> ChartReference:
    """Returns the chart argument; Refused(CHART_UNAVAILABLE) if a path holds no chart or another version of it."""
    if chart.startswith("oci://"):
        return ChartReference(chart, is_complete=True)
    if "/" in chart or chart.endswith(".tgz"):
        _require_version(Path(chart), version)
        return ChartReference(chart, is_complete=True)
    for bundled in _bundled(charts_dir, chart, version):
        if bundled.exists():
            _require_version(bundled, version)
            return ChartReference(str(bundled), is_complete=True)
    return ChartReference(chart, is_complete=False)


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
