"""The control group of all pods of one node, created before the node and removed after it.

Its name contains the process id of the lab, so that a later lab recognises and removes the group of a killed one.
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
"""Version 1 leaves these files empty in a new group, which then cannot run processes."""


def make() -> str:
    """Creates a group in every hierarchy and returns its name for the kubelet."""
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
    """Removes the group with its descendants after its last process has ended. Raises LabError after 15 seconds."""
    wait_until(lambda: _removed(name), f"the control group '{name}' is gone", deadline=15)


def sweep() -> None:
    """Removes the groups of labs that were killed."""
    for hierarchy in hierarchies():
        for group in hierarchy.glob(f"{PREFIX}*"):
            owner = group.name.removeprefix(PREFIX).partition("-")[0]
            if not Path("/proc", owner).exists():
                _removed(group.name)


def hierarchies() -> Iterator[Path]:
    """Yields the hierarchies: the root in version 2, one per controller in version 1."""
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
