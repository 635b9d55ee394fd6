"""Whether another pod of the same DaemonSet runs on the node: each holds a shared lock on a file beside the folders.

During a rolling update the next pod starts before the former one ends (`maxSurge`), and the files must stay. When the
DaemonSet is deleted, the last pod removes them. The kernel releases the lock of a process that crashes.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self


class NodeLock:
    """The shared lock of this process in one directory of a node."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, directory: Path, instance: str) -> Self:
        """Returns the lock, after a pod that is removing its files has ended. Raises OSError."""
        path = directory / f".node-trust.{instance}.lock"
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                return cls(path, descriptor)
            os.close(descriptor)  # its last owner has removed the file meanwhile

    def is_last(self) -> bool:
        """Whether no other process holds the lock; it then waits until `remove`. Otherwise the lock is released."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def remove(self) -> None:
        """Removes the file of the lock and releases the lock. Raises OSError."""
        self._path.unlink()
        os.close(self._descriptor)
