"""Runs the operator as a local process, with exactly the RBAC rights of `deploy/`."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from lab.addresses import HOST, join
from lab.chart import source_directories
from lab.gotools import program
from lab.process import LabError, Process, Processes, free_port, scaled, wait_until

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane

ROOT = Path(__file__).parents[1]
NAMESPACE = "harbor-operator"
USER = f"system:serviceaccount:{NAMESPACE}:{NAMESPACE}"
LEASE_SECONDS = 4
ROBOT_SECRET_NAMESPACES = "t-pipelines/ci"
"""Which registries may write the Secrets of robots where, beside their own namespaces."""
SILENT_CHARTS = f"oci://{join(HOST, free_port())}/charts"
"""An allowed source of charts; nothing listens there unless a test of this program does."""


class Operator:
    """A replica of the operator; several can run, and the Lease selects the leader."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self._port = port

    @classmethod
    def start(
        cls,
        plane: ControlPlane,
        processes: Processes,
        *,
        identity: str = "operator-0",
        log_level: str = "INFO",
        injection_namespaces: str = "intra,t-*",
        cluster_id: str = "",
    ) -> Operator:
        """Starts a replica and waits until it answers its probes; it can still be a standby. Raises LabError.

        An empty `cluster_id` means the uid of Namespace kube-system.
        """
        port = free_port()
        settings = {
            "KUBECONFIG": plane.kubeconfig_for_service_account(NAMESPACE, NAMESPACE),
            "IDENTITY": identity,
            "LOG_LEVEL": log_level,
            "NAMESPACE": NAMESPACE,
            "INJECTION_NAMESPACES": injection_namespaces,
            "ROBOT_SECRET_NAMESPACES": ROBOT_SECRET_NAMESPACES,
            "CLUSTER_ID": cluster_id,
            # A replica that loses the Lease ends, and nothing starts it again. On a busy machine the Lease lasts
            # longer, by the factor of the deadlines.
            "LEASE_SECONDS": scaled(LEASE_SECONDS),
            "LISTEN_HOST": HOST,
            "LISTEN_PORT": port,
            "WORK_DIR": plane.directory / identity,
            "CHART_SOURCES": ",".join([*map(str, source_directories()), SILENT_CHARTS]),
        }
        env = {f"HARBOR_OPERATOR_{name}": str(value) for name, value in settings.items()}
        env["PYTHONPATH"] = str(ROOT / "operator")
        env["PATH"] = f"{program('helm').parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        process = processes.start(identity, [sys.executable, "-m", "harbor_operator", "run"], env=env)
        operator = cls(process, port)
        wait_until(lambda: operator.get("/livez") == "ok\n", "the operator answers", deadline=30, process=process)
        return operator

    @property
    def address(self) -> str:
        """Host and port of its HTTP server, as a scrape target."""
        return join(HOST, self._port)

    @property
    def log(self) -> str:
        """The complete log."""
        return self.process.log.read_text()

    def get(self, path: str) -> str:
        """Returns the body of a GET request to its HTTP port, also for an error status."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """Returns the current value of one series. Raises LabError if it does not exist."""
        for family in text_string_to_metric_families(self.get("/metrics")):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        raise LabError(f"/metrics has no series '{name}' with the labels {labels}")

    def is_leading(self) -> bool:
        """Whether the replica holds the Lease."""
        return "harbor_operator_leader_election_master_status 1.0" in self.get("/metrics")

    def wait_leading(self) -> None:
        """Waits until the replica holds the Lease. Raises LabError."""
        wait_until(self.is_leading, "the operator holds the Lease", deadline=30, process=self.process)

    def stop(self) -> None:
        """Stops the replica with SIGTERM and a grace period."""
        self.process.stop(timeout=40)

    def kill(self) -> None:
        """Kills the replica with SIGKILL."""
        self.process.kill()
