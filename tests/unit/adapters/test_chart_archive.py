"""A chart on disk costs a bounded amount of memory, whatever its archive expands to."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from harbor_operator.adapters.chart_archive import (
    MAX_ARCHIVE_BYTES,
    MAX_METADATA_BYTES,
    InvalidChartArchive,
    archive_metadata,
    directory_metadata,
    read_archive,
)
from harbor_operator.adapters.helm_charts import load_chart
from harbor_operator.ports import Refused
from tests.fakes.helm import DESIRED_RELEASE

BOMB_BYTES = 256 << 20
MAX_PEAK_BYTES = 32 << 20
METADATA = b"name: harbor\nversion: 1.19.1\n"


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _archive(path: Path, *files: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files:
            archive.addfile(_member(name, len(content)), io.BytesIO(content))
    return path


def _load(archive: Path) -> None:
    load_chart(archive, replace(DESIRED_RELEASE, chart=str(archive)))


def _bomb(path: Path, member: tarfile.TarInfo) -> Path:
    """An archive whose first member has zeros of BOMB_BYTES."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(member.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(BOMB_BYTES >> 20):
            file.write(bytes(1 << 20))
    return path


def test_the_metadata_is_read_from_archives_and_directories(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tgz", ("harbor/values.yaml", b"{}"), ("harbor/Chart.yaml", METADATA))
    assert archive_metadata(read_archive(archive)) == METADATA
    (tmp_path / "Chart.yaml").write_bytes(METADATA)
    assert directory_metadata(tmp_path) == METADATA


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_an_archive_bomb_costs_little(tmp_path: Path, kind: bytes) -> None:
    """Finding S4."""
    member = _member("harbor/large", BOMB_BYTES)
    member.type = kind
    bomb = _bomb(tmp_path / "bomb.tgz", member)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="cannot be read as a chart"):
            _load(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MAX_PEAK_BYTES


def test_a_large_chart_file_is_not_read(tmp_path: Path) -> None:
    """Finding S4."""
    content = METADATA + b"#" * MAX_METADATA_BYTES
    (tmp_path / "Chart.yaml").write_bytes(content)
    with pytest.raises(InvalidChartArchive, match="64 KiB"):
        directory_metadata(tmp_path)
    with pytest.raises(InvalidChartArchive, match="64 KiB"):
        archive_metadata(read_archive(_archive(tmp_path / "a.tgz", ("harbor/Chart.yaml", content))))


def test_a_large_archive_is_not_read(tmp_path: Path) -> None:
    archive = tmp_path / "a.tgz"
    archive.write_bytes(bytes(MAX_ARCHIVE_BYTES + 1))
    with pytest.raises(Refused, match="more than 4 MiB"):
        _load(archive)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "a.tgz", ("harbor/Chart.yaml", METADATA))
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(Refused, match="cannot be read as a chart"):
        _load(archive)
