"""The cache of the lab: built programs, unpacked packages, package lists."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "harbor-operator-lab"


def cache_dir() -> Path:
    """Returns the per-user cache directory of the lab; creates it if necessary."""
    chosen = os.environ.get("HARBOR_LAB_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(chosen) if chosen else Path(base) / FOLDER
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


@contextmanager
def locked(name: str) -> Iterator[Path]:
    """Holds a named lock against threads and other processes, and yields the cache directory.

    The kernel releases the lock when its holder ends, so a killed build never blocks the next one.
    """
    with lock_file(name).open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield cache_dir()


def lock_file(name: str) -> Path:
    """Returns the path of a file for locks; its directory exists."""
    locks = cache_dir() / "locks"
    locks.mkdir(exist_ok=True)
    return locks / f"{name}.lock"
