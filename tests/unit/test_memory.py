"""Freed memory returns to the system, even from between memory in use."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from harbor_operator.memory import malloc_trim

MIB_BYTES = 1024 * 1024
BLOCK_BYTES = 5000


def resident() -> int:
    (kib,) = re.findall(r"^VmRSS:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kib) * 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim is a function of glibc")
def test_holes_between_used_blocks_are_returned() -> None:
    blocks = [bytes([1]) * BLOCK_BYTES for _ in range(40 * MIB_BYTES // BLOCK_BYTES)]
    kept = blocks[::20]
    before = resident()
    blocks.clear()
    malloc_trim()
    assert resident() < before - 10 * MIB_BYTES
    assert all(len(block) == BLOCK_BYTES for block in kept)
