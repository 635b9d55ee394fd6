"""The operator under test, which a test can stop, kill and replace."""

from __future__ import annotations

from lab.lab import Lab
from lab.operator import Operator

RUNNING: list[RunningOperator] = []
"""Every running operator; the last one belongs to the current test module."""


class RunningOperator:
    """The current replica of the operator in a lab, and the logs of its predecessors."""

    def __init__(self, lab: Lab, *, log_level: str = "INFO") -> None:
        self.lab = lab
        self._log_level = log_level
        self._count = 0
        self.logs: list[str] = []
        self.operator = self.start_replica()
        RUNNING.append(self)

    def start_replica(self, *, cluster_id: str = "") -> Operator:
        """Starts another replica with its own identity, which becomes the current one."""
        identity = f"operator-{self._count}"
        self._count += 1
        plane = self.lab.control_plane
        self.operator = Operator.start(
            plane, self.lab.processes, identity=identity, log_level=self._log_level, cluster_id=cluster_id
        )
        return self.operator

    def replace(self, *, sigkill: bool = False, cluster_id: str = "") -> Operator:
        """Ends the current replica and returns its successor, which holds the Lease."""
        self.logs.append(self.operator.log)
        if sigkill:
            self.operator.kill()
        else:
            self.operator.stop()
        self.start_replica(cluster_id=cluster_id)
        self.operator.wait_leading()
        return self.operator

    def end(self) -> None:
        """Stops the current replica."""
        self.operator.stop()
        RUNNING.remove(self)

    def all_logs(self) -> str:
        """Returns the log lines of all replicas."""
        return "\n".join([*self.logs, self.operator.log])
