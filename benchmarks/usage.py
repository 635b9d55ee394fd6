"""Processor time and memory of a process, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KIB = 1024
USER_TIME, SYSTEM_TIME = 11, 12
"""Places in /proc/PID/stat after the command, which may itself hold spaces."""


@dataclass(frozen=True)
class Usage:
    """At one moment."""

    cpu_seconds: float
    rss_mib: float
    peak_mib: float


def read_usage(pid: int) -> Usage:
    """Returns what the process has used so far."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(stat[USER_TIME]) + int(stat[SYSTEM_TIME])) / TICKS
    sizes = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in {"VmRSS", "VmHWM"}:
            sizes[name] = int(value.split()[0]) / KIB
    return Usage(cpu, sizes.get("VmRSS", 0.0), sizes.get("VmHWM", 0.0))
