"""The state file of a background lab: its owner process, and how to reach its servers."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.addresses import join
from lab.cache import cache_dir
from lab.gotools import program

if TYPE_CHECKING:
    from lab.lab import Lab

FILE_NAME = "harbor-operator-lab.json"
START_TIME_FIELD = 19
"""Position of the start time in /proc/PID/stat, counted after the parenthesised command name."""


@dataclass(frozen=True)
class Running:
    """A lab that runs in the background."""

    pid: int
    started: str
    directory: str
    variables: dict[str, str]
    notes: list[str]

    def shell_lines(self) -> str:
        """Returns shell lines: exported variables, and notes as comments."""
        exports = [f"export {name}={shlex.quote(value)}" for name, value in self.variables.items()]
        return "\n".join([*exports, *(f"# {note}" for note in self.notes)])


def describe(lab: Lab) -> Running:
    """Describes `lab`, which this process owns."""
    services = lab.services
    notes = [
        f"API server     {lab.control_plane.url}",
        f"PostgreSQL     {join(services.postgres.host, services.postgres.port)}, CA {services.postgres.ca_path}",
        f"Redis          {join(services.redis.host, services.redis.port)}",
        f"Swift login    {services.auth_url}, CA {lab.authority.ca_path}",
        f"RGW            {services.ceph.rgw_url}",
        lab.choice.describe(),
        f"chart          {lab.chart.describe()}",
        f"kubectl, helm  {program('kubectl')}, {program('helm')}",
        f"logs           {lab.directory / 'logs'}",
    ]
    variables = {"KUBECONFIG": str(lab.control_plane.kubeconfig)}
    return Running(os.getpid(), _start_time(os.getpid()), str(lab.directory), variables, notes)


def write(running: Running) -> None:
    """Writes the state file, readable by its owner only."""
    part = _path().with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(asdict(running)))
    part.replace(_path())


def read() -> Running | None:
    """Returns the running background lab, or None."""
    try:
        running = Running(**json.loads(_path().read_text()))
    except FileNotFoundError:
        return None
    return running if is_alive(running) else None


def forget() -> None:
    """Deletes the state file."""
    _path().unlink(missing_ok=True)


def is_alive(running: Running) -> bool:
    """Whether the owner process runs; its start time excludes another process with the same id."""
    return _start_time(running.pid) == running.started


def _start_time(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[START_TIME_FIELD]


def _path() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (Path(runtime) if runtime and Path(runtime).is_dir() else cache_dir()) / FILE_NAME
