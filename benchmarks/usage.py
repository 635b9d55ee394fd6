"""CPU time and memory of a process, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KIB_PER_MIB = 1024
USER_TIME, SYSTEM_TIME = 11, 12
"""Positions in /proc/PID/stat after the command, which can contain spaces."""


@dataclass(frozen=True)
class Usage:
    """The usage at one point in time."""

    cpu_seconds: float
    rss_mib: float
    peak_mib: float


def read_usage(pid: int) -> Usage:
    """Returns the usage of the process until now."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(stat[USER_TIME]) + int(stat[SYSTEM_TIME])) / TICKS_PER_SECOND
    sizes = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in {"VmRSS", "VmHWM"}:
            sizes[name] = int(value.split()[0]) / KIB_PER_MIB
    return Usage(cpu, sizes.get("VmRSS", 0.0), sizes.get("VmHWM", 0.0))
