"""Resolves a chart reference, and loads the chart: what was checked is what Helm gets."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harbor_operator.adapters.chart_archive import (
    InvalidChartArchive,
    archive_metadata,
    directory_metadata,
    read_archive,
)
from harbor_operator.checks.chart_sources import (
    chart_path_refused,
    chart_unreadable,
    check_chart_digest,
    check_chart_url,
    check_chart_version,
)
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import DesiredRelease
from harbor_operator.ports import as_error

# A deep nesting exceeds the recursion limit; a date that does not exist is a ValueError.
_NOT_YAML = (yaml.YAMLError, RecursionError, ValueError)
_NOT_AN_ARCHIVE = (OSError, EOFError, tarfile.TarError, zlib.error)


@dataclass(frozen=True, slots=True)
class RemoteChart:
    """A chart name and its repository, or a reference of an OCI registry and no repository."""

    reference: str
    repository: str = ""

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"'{self.repository}' (chart '{self.reference}')" if self.repository else f"'{self.reference}'"


@dataclass(frozen=True, slots=True)
class LoadedChart:
    """A chart that passed the checks: the content of an archive with its digest, or a directory and no content."""

    directory: Path | None = None
    content: bytes = b""
    digest: str = ""


def locate_chart(charts_dir: Path | None, sources: ChartSources, desired: DesiredRelease) -> RemoteChart | Path:
    """Returns where the chart is, an allowed source; charts in `charts_dir` are always allowed.

    A path is free of symbolic links. Raises Refused(CHART_SOURCE_REFUSED) for any other source.
    """
    chart = desired.chart
    if chart.startswith("oci://"):
        _raise_if_refused(check_chart_url(sources, "spec.release.chart", chart))
        return RemoteChart(chart)
    if "/" in chart:
        return _local_chart(charts_dir, sources, chart)
    for bundled in _bundled(charts_dir, chart, desired.version):
        if bundled.exists():
            return bundled
    _raise_if_refused(check_chart_url(sources, "spec.release.repository", desired.repository))
    return RemoteChart(chart, desired.repository)


def load_chart(path: Path, desired: DesiredRelease, place: str = "") -> LoadedChart:
    """Returns the chart at the path; `place` is how messages name it, by default the path.

    Raises Refused(CHART_UNAVAILABLE) if it is no chart or another version, and Refused(CHART_DIGEST_MISMATCH).
    """
    place = place or f"'{path}'"
    try:
        if path.is_dir():
            loaded, metadata = LoadedChart(path), directory_metadata(path)
        else:
            content = read_archive(path)
            loaded = LoadedChart(None, content, f"sha256:{hashlib.sha256(content).hexdigest()}")
            # First, so that nothing of another archive is unpacked.
            _raise_if_refused(check_chart_digest(place, desired.chart_digest, loaded.digest))
            metadata = archive_metadata(content)
        version = _parse(metadata).get("version")
    except InvalidChartArchive as error:
        raise as_error(chart_unreadable(place, str(error))) from error
    except (AttributeError, *_NOT_AN_ARCHIVE, *_NOT_YAML) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise as_error(chart_unreadable(place, why or "it is no chart of Helm")) from error
    _raise_if_refused(check_chart_digest(place, desired.chart_digest, loaded.digest))
    # Helm ignores `--version` for a file; the release would then never match the spec.
    _raise_if_refused(check_chart_version(place, desired.version, version))
    return loaded


def _local_chart(charts_dir: Path | None, sources: ChartSources, chart: str) -> Path:
    """Returns the path without symbolic links: what is checked here is what Helm opens."""
    directories = (*sources.directories, *([str(charts_dir)] if charts_dir else []))
    resolved = Path(chart).resolve()
    allowed = ChartSources((), tuple(str(Path(directory).resolve()) for directory in directories))
    if not allowed.allows_path(str(resolved)):
        _raise_if_refused(chart_path_refused(ChartSources(sources.urls, directories), chart))
    return resolved


def _raise_if_refused(finding: Blocked | None) -> None:
    if finding is not None:
        raise as_error(finding)


def _bundled(charts_dir: Path | None, chart: str, version: str) -> tuple[Path, ...]:
    if charts_dir is None:
        return ()
    return charts_dir / f"{chart}-{version}.tgz", charts_dir / f"{chart}-{version}", charts_dir / chart / version


def _parse(metadata: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(metadata)
    return loaded
