"""The raw floor as an injector: a client that does the same two writes per namespace and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.injector import InjectorInfo, Scope
from benchmarks.users import User
from lab.lab import Lab
from lab.process import LabError, Process

ROOT = Path(__file__).parents[1]
SECRET = "bench-floor"


class Baseline:
    """The floor with one concurrency."""

    def __init__(self, lab: Lab, concurrency: int) -> None:
        self.concurrency = concurrency
        self.info = InjectorInfo(
            name=f"floor-{concurrency}",
            title=f"raw floor, {concurrency} at a time",
            secret_name=SECRET,
            scope=Scope.BOTH,
            limits=f"{concurrency} requests at a time; repairs nothing, rotates nothing, retries nothing",
            settings="none",
            rights="cluster-admin",
        )
        self._lab = lab
        self._account = User(lab.control_plane, "floor")
        self.user = self._account.name
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the client."""
        if self._process is None:
            raise LabError("the floor was not started")
        return self._process.pid

    def start(self) -> None:
        """Starts the client."""
        kubeconfig = str(self._account.kubeconfig())
        argv = [sys.executable, "-m", "benchmarks.floor", kubeconfig, SECRET, str(self.concurrency)]
        self._process = self._lab.processes.start(self.info.name, argv, cwd=ROOT)

    def stop(self) -> None:
        """Stops the client."""
        if self._process is not None:
            self._process.stop()

    def rotate(self) -> bool:
        """Not supported."""
        return False

    def uninstall(self) -> bool:
        """Not supported."""
        return False
