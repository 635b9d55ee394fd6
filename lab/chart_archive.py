"""The lab's one chart as an archive, for an operator that does not see the files of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.lab import Lab


def archive_chart(lab: Lab, directory: Path) -> Path:
    """Puts `harbor-VERSION.tgz` into the directory and returns its path."""
    chart = Path(lab.chart.reference)
    archive = directory / f"harbor-{lab.chart.version}.tgz"
    if chart.is_dir():
        lab.control_plane.helm("package", str(chart), "--destination", str(directory))
    else:
        shutil.copy(chart, archive)
    return archive
