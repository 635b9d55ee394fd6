"""The machine of a run."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from lab.gotools import program

PROGRAMS = {"kube-apiserver": ["--version"], "etcd": ["--version"]}


def describe() -> dict[str, str]:
    """Returns the facts that a comparison needs, without the name of the machine."""
    versions = {name: _first_line([str(program(name)), *flags]) for name, flags in PROGRAMS.items()}
    return {
        **hardware(),
        **versions,
        "fsync": "off (etcd --unsafe-no-fsync)",
        "service accounts": "created by kube-controller-manager (--kube-api-qps=500); flood and backlog: by the driver",
        "audit log": "on, Metadata, blocking: the same cost for every injector",
    }


def hardware() -> dict[str, str]:
    """Returns the facts that do not depend on the cluster."""
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cpus": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "memory": f"{int(memory) >> 20} GiB",
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _first_line(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    return (done.stdout.splitlines() or ["unknown"])[0].removeprefix("Kubernetes ").removeprefix("etcd Version: ")
