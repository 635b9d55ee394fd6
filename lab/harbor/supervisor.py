"""Runs one local process instead of a pod: restarts it after a change, and with back-off after a failure."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.harbor.launches import Launch
    from lab.process import Process, Processes

LOG = logging.getLogger(__name__)
PROJECT_ROOT = Path(__file__).parents[2]
MIN_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 8.0
STEADY_SECONDS = 30
"""After this time without a failure the back-off is reset."""


class Supervisor:
    """One process and its desired state."""

    def __init__(self, name: str, processes: Processes) -> None:
        self.name = name
        self._processes = processes
        self._process: Process | None = None
        self._launch: Launch | None = None
        self._waiting = ""
        self._starts = self._restarts = 0
        self._backoff = MIN_BACKOFF_SECONDS
        self._started = self._not_before = 0.0
        self._last_exit: dict[str, Any] = {}

    def set_desired(self, launch: Launch) -> None:
        """Sets the desired process; any change restarts it."""
        self._waiting = ""
        if self._launch is not None and self._launch.digest == launch.digest:
            return
        LOG.info("%s: %s", self.name, "starting" if self._launch is None else "changed, restarting")
        self._stop()
        self._launch = launch
        self._backoff, self._not_before, self._last_exit = MIN_BACKOFF_SECONDS, 0.0, {}

    def set_stopped(self, why: str) -> None:
        """Stops the process: the Deployment does not exist or has no replicas."""
        if self._launch is not None:
            LOG.info("%s: stopping, %s", self.name, why)
        self._stop()
        self._launch = None
        self._waiting = why

    def set_waiting(self, what: str) -> None:
        """Records a missing object; a running process continues, as with a kubelet."""
        if what != self._waiting:
            LOG.warning("%s: waiting for %s", self.name, what)
        self._waiting = what

    def tick(self) -> None:
        """Starts the desired process, and records a failed one."""
        if self._launch is None:
            return
        if self._process is not None and not self._process.alive():
            self._record_exit(self._process)
            self._process = None
        if self._process is None and time.monotonic() >= self._not_before:
            self._start(self._launch)

    @property
    def status(self) -> dict[str, Any]:
        """The state, as in `kubectl get pod`."""
        running = self._process is not None and self._process.alive()
        state = "Running" if running else "CrashLoopBackOff" if self._last_exit else "Waiting"
        digest = self._launch.digest if self._launch else ""
        shown = {
            "state": state,
            "starts": self._starts,
            "restarts": self._restarts,
            "waitingFor": self._waiting,
            "lastExit": self._last_exit,
        }
        return {**shown, "pid": self._process.pid if running and self._process else 0, "digest": digest}

    def _start(self, launch: Launch) -> None:
        for directory in launch.directories:
            directory.mkdir(parents=True, exist_ok=True)
        for path, content in launch.files.items():
            _write_private(path, content)
        self._process = self._processes.start(self.name, launch.argv, env=launch.env, cwd=PROJECT_ROOT)
        self._started = time.monotonic()
        self._starts += 1

    def _record_exit(self, process: Process) -> None:
        if time.monotonic() - self._started > STEADY_SECONDS:
            self._backoff = MIN_BACKOFF_SECONDS
        self._restarts += 1
        self._not_before = time.monotonic() + self._backoff
        code, tail = process.returncode, process.tail()
        self._last_exit = {"code": code, "cause": _cause(process), "log": tail}
        LOG.error("%s: ended with %s, next try in %.1f s:\n%s", self.name, code, self._backoff, tail)
        self._backoff = min(self._backoff * 2, MAX_BACKOFF_SECONDS)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


def _cause(process: Process) -> str:
    """Returns the last line of the log with a panic or fatal error, else the last line."""
    lines = process.log.read_text(errors="replace").splitlines() or [""]
    fatal = [line for line in lines if line.startswith("panic:") or "level=fatal" in line or "cannot start" in line]
    return [*lines[-1:], *fatal][-1]


def _write_private(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
