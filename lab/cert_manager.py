"""cert-manager with its controllers for the issuers SelfSigned and CA, on the lab's API server.

    manager = CertManager.start(plane, processes)     # installs the CRDs, and runs the controllers
    manager.stop()

The controllers and the CRDs are those of the pinned module. The webhook, which only refuses invalid objects earlier,
and the controllers for ACME, Vault and Venafi are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.crds import install_crds
from lab.gotools import program

if TYPE_CHECKING:
    from pathlib import Path

    from lab.controlplane import ControlPlane
    from lab.process import Process, Processes

NAME = "cert-manager"
MODULE = "github.com/cert-manager/cert-manager"
CLUSTER_NAMESPACE = "kube-public"
"""Where the Secrets of ClusterIssuers are."""


class CertManager:
    """The running controllers."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    def start(cls, plane: ControlPlane, processes: Processes) -> CertManager:
        """Installs the CRDs and starts the controllers. Raises LabError."""
        install_crds(plane, NAME, MODULE, "deploy/crds/cert-manager.io_*.yaml")
        argv: list[str | Path] = [program(NAME), plane.kubeconfig, CLUSTER_NAMESPACE]
        return cls(processes.start(NAME, argv))

    def stop(self) -> None:
        """Stops the controllers; the CRDs stay."""
        self._process.stop()
