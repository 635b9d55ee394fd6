"""What was freed goes back to the system, even from below what is still in use."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from harbor_operator.memory import malloc_trim

MIB = 1024 * 1024
SIZE = 5000


def resident() -> int:
    (kib,) = re.findall(r"^VmRSS:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kib) * 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked to")
def test_holes_between_what_is_used_are_given_back() -> None:
    crowd = [bytes([1]) * SIZE for _ in range(40 * MIB // SIZE)]
    few = crowd[::20]
    before = resident()
    crowd.clear()
    malloc_trim()
    assert resident() < before - 10 * MIB
    assert all(len(one) == SIZE for one in few)
