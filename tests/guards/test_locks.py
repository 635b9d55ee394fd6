"""Lock files name packages and digests, and no address: where packages come from is a setting of each machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guards.sources import ROOT, name, text

FOLDERS = ("build", "lab", "tools")
FOUND = [*ROOT.glob("*.lock"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*lock*"))]
LOCKS = sorted(
    path
    for path in FOUND
    if (path.suffix == ".lock" or path.name == "package-lock.json") and "node_modules" not in path.parts
)


@pytest.mark.parametrize("path", LOCKS, ids=name)
def test_a_lock_file_contains_no_address(path: Path) -> None:
    assert [line.strip() for line in text(path).splitlines() if "://" in line] == []
