"""The locks of the lab's cache."""

from __future__ import annotations

import fcntl

import pytest

from lab.cache import locked


def test_a_lock_excludes_other_holders_until_the_block_ends() -> None:
    with locked("check") as root, (root / "locks/check.lock").open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (root / "locks/check.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
