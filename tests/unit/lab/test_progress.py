"""What a long task shows."""

from __future__ import annotations

import re

import pytest

from lab.progress import Estimate, task


def test_a_known_total_gives_the_share_and_the_remaining_time() -> None:
    estimate = Estimate()
    assert estimate.describe("1 MiB", 0, 4) == "1 MiB"
    assert re.fullmatch(r"1 MiB, 25 %, about \d+ s left", estimate.describe("1 MiB", 1, 4))
    assert estimate.describe("4 MiB", 4, 4) == "4 MiB"
    assert estimate.describe("7 modules", 7, 0) == "7 modules"


def test_lines_replace_the_display_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with task("Building it") as shown:
        for done in range(1000):
            shown.advance(f"{done} packages", done, 1000)
        shown.update("linking")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["Building it: ...", "Building it: linking"]
    assert re.fullmatch(r"Building it: done in \d+\.\d s", lines[2])
