"""The descriptions of the peers."""

from __future__ import annotations

from benchmarks.peer import read_files


def test_every_peer_names_its_limits_and_settings() -> None:
    files = read_files()
    assert len({file.name for file in files}) == len(files) >= 5
    assert all(file.limits and file.settings and file.secret_name != "harbor-pull" for file in files)
