"""The control group in which all pods of one node run, made before the node and removed after it.

Its name carries the process id of the lab, so that the group of a lab that was killed is recognised and removed by the
next one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from lab.process import wait_until

ROOT = Path("/sys/fs/cgroup")
PREFIX = "harbor-lab-"
INHERITED = ("cpuset.cpus", "cpuset.mems")
"""Version 1 leaves these empty in a new group, and then nothing may run in it."""


def make() -> str:
    """A new group in every hierarchy; its name as the kubelet wants it."""
    sweep()
    name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}"
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir()
        for file in INHERITED:
            if (group / file).exists() and (hierarchy / "tasks").exists():
                (group / file).write_text((hierarchy / file).read_text())
    return name


def remove(name: str) -> None:
    """Remove the group with all below it, once its last process is gone."""
    wait_until(lambda: _removed(name), f"the control group '{name}' is gone", deadline=15)


def sweep() -> None:
    """Remove the groups of labs that were killed."""
    for hierarchy in hierarchies():
        for group in hierarchy.glob(f"{PREFIX}*"):
            owner = group.name.removeprefix(PREFIX).partition("-")[0]
            if not Path("/proc", owner).exists():
                _removed(group.name)


def hierarchies() -> Iterator[Path]:
    """Where groups are made: version 2 has one place, the root; version 1 one for each controller."""
    if (ROOT / "cgroup.controllers").exists():
        yield ROOT
        return
    for path in sorted(ROOT.iterdir()):
        if path.is_dir() and not path.is_symlink() and (path / "cgroup.procs").exists():
            yield path


def _removed(name: str) -> bool:
    gone = True
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            try:
                Path(folder).rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
    return gone
