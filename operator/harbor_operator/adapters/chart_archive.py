"""Reads a chart, a directory or an archive, at a bounded cost.

A small archive can expand to gigabytes, and a header of the archive can announce any size. `helm package` writes
`Chart.yaml` first, so the limit applies to what has to be unpacked before it is found.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import IO

from typing_extensions import override

MAX_ARCHIVE_BYTES = 4 << 20
"""Helm stores each chart in the Secret of its release, which has less than one MiB."""

MAX_UNPACKED_BYTES = 8 << 20
MAX_METADATA_BYTES = 64 << 10


class InvalidChartArchive(Exception):  # noqa: N818 - named for what is found, as the exceptions of the ports are
    """An archive that is too large, or has no `Chart.yaml` within the limits; the text says which limit."""


def read_archive(path: Path) -> bytes:
    """Returns the content of the file; raises OSError or InvalidChartArchive."""
    with path.open("rb") as file:
        content = file.read(MAX_ARCHIVE_BYTES + 1)
    if len(content) > MAX_ARCHIVE_BYTES:
        raise InvalidChartArchive(f"the archive has more than {MAX_ARCHIVE_BYTES >> 20} MiB")
    return content


def directory_metadata(path: Path) -> bytes:
    """Returns the content of `Chart.yaml`; raises OSError or InvalidChartArchive."""
    with (path / "Chart.yaml").open("rb") as file:
        return _bounded(file)


def archive_metadata(archive_content: bytes) -> bytes:
    """Returns the content of `Chart.yaml`; raises OSError, tarfile.TarError, EOFError or InvalidChartArchive."""
    packed = io.BytesIO(archive_content)
    with _LimitedGzip(fileobj=packed, mode="rb") as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
        for member in archive:
            if member.name.count("/") == 1 and member.name.endswith("/Chart.yaml"):
                file = archive.extractfile(member)
                return _bounded(file) if file else b""
    raise InvalidChartArchive("the archive has no Chart.yaml")


def _bounded(file: IO[bytes]) -> bytes:
    content = file.read(MAX_METADATA_BYTES + 1)
    if len(content) > MAX_METADATA_BYTES:
        raise InvalidChartArchive(f"Chart.yaml has more than {MAX_METADATA_BYTES >> 10} KiB")
    return content


class _LimitedGzip(gzip.GzipFile):
    """Reads until MAX_UNPACKED_BYTES are unpacked, then raises InvalidChartArchive."""

    _left_bytes = MAX_UNPACKED_BYTES

    @override
    def read(self, size: int | None = -1) -> bytes:
        limit = self._left_bytes + 1
        chunk = super().read(limit if size is None or size < 0 else min(size, limit))
        self._left_bytes -= len(chunk)
        if self._left_bytes < 0:
            raise InvalidChartArchive(f"the first {MAX_UNPACKED_BYTES >> 20} MiB contain no Chart.yaml")
        return chunk
