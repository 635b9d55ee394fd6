"""A Helm repository with the lab's chart, for an operator that cannot read files of this machine."""

from __future__ import annotations

import shutil
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from lab.process import free_port, wait_until

if TYPE_CHECKING:
    from lab.lab import Lab


def serve_chart(lab: Lab) -> str:
    """Serves the chart of this lab until the lab ends, and returns the URL of the repository."""
    directory = lab.directory / "chart-repository"
    directory.mkdir()
    chart = Path(lab.chart.reference)
    if chart.is_dir():
        lab.control_plane.helm("package", str(chart), "--destination", str(directory))
    else:
        shutil.copy(chart, directory)
    lab.control_plane.helm("repo", "index", str(directory))
    port = free_port()
    server = ["-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(directory)]
    process = lab.processes.start("chart-repository", [sys.executable, *server])
    url = f"http://localhost:{port}"
    wait_until(lambda: _answers(f"{url}/index.yaml"), "the chart repository answers", deadline=30, process=process)
    return url


def _answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - always http
        return bool(answer.status == 200)
