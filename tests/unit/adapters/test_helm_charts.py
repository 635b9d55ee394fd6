"""Charts come from allowed sources only: which reference Helm gets, and what is refused before it runs."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_operator.adapters.helm_charts import LoadedChart, RemoteChart, load_chart, locate_chart
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.helm import DESIRED_RELEASE

OFFICIAL = ChartSources(("https://charts.example.com", "oci://registry.example.com/charts"))


def write_chart(folder: Path, version: str = "1.19.1") -> Path:
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text(yaml.safe_dump({"name": "harbor", "version": version}))
    return folder


def locate(
    chart: str | Path, *directories: Path, charts_dir: Path | None = None, **changes: Any
) -> RemoteChart | LoadedChart:
    sources = ChartSources(OFFICIAL.urls, tuple(map(str, directories)))
    desired = replace(DESIRED_RELEASE, chart=str(chart), **changes)
    found = locate_chart(charts_dir, sources, desired)
    return load_chart(found, desired) if isinstance(found, Path) else found


def refusal(chart: str | Path, *directories: Path, charts_dir: Path | None = None, **changes: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        locate(chart, *directories, charts_dir=charts_dir, **changes)
    return caught.value


def test_charts_of_allowed_repositories_and_registries_are_left_to_helm(tmp_path: Path) -> None:
    assert locate("harbor", charts_dir=tmp_path) == RemoteChart("harbor", "https://charts.example.com")
    reference = "oci://registry.example.com/charts/harbor"
    assert locate(reference) == RemoteChart(reference)


def test_another_repository_or_registry_is_refused_with_the_setting() -> None:
    """Finding S1: a chart of any repository could name any object of the cluster."""
    refused = refusal("harbor", repository="https://charts.example.org")
    assert refused.reason is Reason.CHART_SOURCE_REFUSED
    assert "`spec.release.repository` names 'https://charts.example.org'" in str(refused)
    assert "`HARBOR_OPERATOR_CHART_SOURCES`" in str(refused)
    refused = refusal("oci://registry.example.com/other/harbor")
    assert refused.reason is Reason.CHART_SOURCE_REFUSED
    assert "`spec.release.chart` names" in str(refused)


def test_baked_charts_win_over_the_repository(tmp_path: Path) -> None:
    baked = write_chart(tmp_path / "harbor-1.19.1")
    found = locate("harbor", charts_dir=tmp_path, repository="https://charts.example.org")
    assert found == LoadedChart(baked)
    assert isinstance(locate("harbor", charts_dir=tmp_path, version="1.18.4"), RemoteChart)


def test_paths_are_allowed_below_the_listed_directories_and_the_charts_directory(tmp_path: Path) -> None:
    chart = write_chart(tmp_path / "charts" / "harbor")
    assert locate(chart, tmp_path / "charts") == LoadedChart(chart)
    assert locate(chart, chart) == LoadedChart(chart)
    assert locate(chart, charts_dir=tmp_path / "charts") == LoadedChart(chart)
    refused = refusal(chart, tmp_path / "char")
    assert refused.reason is Reason.CHART_SOURCE_REFUSED
    assert f"'{tmp_path}/char'" in str(refused)


def test_neither_a_symbolic_link_nor_a_step_up_leads_out_of_an_allowed_directory(tmp_path: Path) -> None:
    outside = write_chart(tmp_path / "outside" / "harbor")
    allowed = tmp_path / "charts"
    allowed.mkdir()
    (allowed / "harbor").symlink_to(outside)
    for path in (allowed / "harbor", f"{allowed}/../outside/harbor", outside):
        assert refusal(path, allowed).reason is Reason.CHART_SOURCE_REFUSED


def test_an_allowed_directory_may_itself_be_a_symbolic_link(tmp_path: Path) -> None:
    chart = write_chart(tmp_path / "real" / "harbor")
    (tmp_path / "charts").symlink_to(tmp_path / "real")
    assert locate(tmp_path / "charts" / "harbor", tmp_path / "charts") == LoadedChart(chart)


def write_archive(folder: Path) -> Path:
    archive = folder / "harbor-1.19.1.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(write_chart(folder / "harbor"), "harbor")
    return archive


def test_archives_are_read_and_held_to_their_version(tmp_path: Path) -> None:
    archive = write_archive(tmp_path)
    content = archive.read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert locate(archive, tmp_path) == LoadedChart(None, content, digest)
    assert locate(archive, tmp_path, chart_digest=digest) == LoadedChart(None, content, digest)
    refused = refusal(archive, tmp_path, version="1.18.0")
    assert refused.reason is Reason.CHART_UNAVAILABLE
    assert "use the same version in both" in str(refused)


@pytest.mark.parametrize("is_archive", [True, False])
def test_another_archive_than_the_digest_names_is_refused(tmp_path: Path, *, is_archive: bool) -> None:
    """Finding S8: without a digest, the source decides what is installed."""
    chart = write_archive(tmp_path) if is_archive else write_chart(tmp_path / "harbor")
    expected = f"sha256:{'0' * 64}"
    refused = refusal(chart, tmp_path, chart_digest=expected)
    assert refused.reason is Reason.CHART_DIGEST_MISMATCH
    assert "nothing was installed" in str(refused)
    if is_archive:
        assert f"'{expected}'" in str(refused)
        assert f"'sha256:{hashlib.sha256(chart.read_bytes()).hexdigest()}'" in str(refused)


@pytest.mark.parametrize("text", [None, "", "[]", "{", "version: 1", "[" * 60_000, "a: 2026-13-01"])
def test_what_is_no_chart_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    folder = tmp_path / "harbor"
    folder.mkdir()
    if text is not None:
        (folder / "Chart.yaml").write_text(text)
    assert "harbor'" in str(refusal(folder, tmp_path))


def test_an_archive_without_a_chart_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "x.tgz"
    with tarfile.open(archive, "w:gz"):
        pass
    assert "cannot be read as a chart" in str(refusal(archive, tmp_path))
