"""Reads, writes and removes the files of a node."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from harbor_operator.node_trust.plan import TEMPORARY, Changes
from harbor_operator.plan.node_files import CA_FILE, HOSTS_FILE

MAX_BYTES = 1 << 20
"""What is read of a file: no file of ours is larger, because a ConfigMap is not."""

UNFINISHED_SECONDS = 60
"""A younger temporary file can be one that another pod of the DaemonSet writes now, during a rolling update."""


def observe(directories: Iterable[Path]) -> dict[Path, str | None]:
    """Returns the files in the folders of these directories that can be ours by their names, as `plan.Observed`."""
    return dict(found for directory in directories for folder in directory.iterdir() for found in _observe(folder))


def _observe(folder: Path) -> Iterator[tuple[Path, str | None]]:
    try:
        paths = [*folder.iterdir()] if folder.is_dir() and not folder.is_symlink() else [folder]
    except PermissionError:
        paths = [folder]
    for path in paths:
        if path == folder or path.name in {CA_FILE, HOSTS_FILE} or _is_unfinished(path):
            yield path, _text(path)


def _is_unfinished(path: Path) -> bool:
    """Whether a process ended while it wrote this file."""
    if not path.name.startswith(TEMPORARY):
        return False
    try:
        return time.time() - path.lstat().st_mtime > UNFINISHED_SECONDS
    except FileNotFoundError:  # finished meanwhile
        return False


def _text(path: Path) -> str | None:
    """Returns the text of a regular file, or None: without capabilities, user 0 cannot read every file."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except PermissionError:
        return None


def apply(changes: Changes) -> None:
    """Writes and removes files in the order of the plan. Raises OSError."""
    for path, content in changes.write.items():
        path.parent.mkdir(mode=0o755, exist_ok=True)
        _replace(path, content)
    for path in changes.remove:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # the folder contains files of others
            path.parent.rmdir()


def _replace(path: Path, content: str) -> None:
    """Writes a file at once: a runtime that reads it meanwhile gets the former or the new content."""
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o644)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    Path(temporary).replace(path)
