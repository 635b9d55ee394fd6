"""Files without a name: children read them as often as they need, and no one changes them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO

import pytest

from harbor_operator.adapters.anonymous_file import anonymous_file, inherited_path


def read_twice(file: IO[bytes]) -> bytes:
    """As Helm does: a child opens the path more than once."""
    path = inherited_path(file)
    done = subprocess.run(["cat", path, path], pass_fds=(file.fileno(),), capture_output=True, check=True)
    return done.stdout


def test_a_child_reads_it_as_often_as_it_likes_and_cannot_change_it(tmp_path: Path) -> None:
    with anonymous_file("name", b"content", tmp_path) as file:
        assert read_twice(file) == b"contentcontent"
        descriptor = os.open(inherited_path(file), os.O_RDWR)
        with pytest.raises(PermissionError):
            os.write(descriptor, b"x")
        os.close(descriptor)
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_without_memory_files_gets_an_unlinked_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with anonymous_file("name", b"content", tmp_path / "home") as file:
        assert read_twice(file) == b"contentcontent"
        assert list((tmp_path / "home").iterdir()) == []


def test_a_child_gets_it_as_standard_input(tmp_path: Path) -> None:
    with anonymous_file("name", b"content", tmp_path) as file:
        assert subprocess.run(["cat"], stdin=file, capture_output=True, check=True).stdout == b"content"
