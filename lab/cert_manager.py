"""cert-manager with its controllers for the issuers SelfSigned and CA, on the lab's API server.

    manager = CertManager.start(plane, processes)     # installs the CRDs, and runs the controllers
    manager.stop()

The controllers and the CRDs are those of the pinned module. The webhook, which only refuses invalid objects earlier,
and the controllers for ACME, Vault and Venafi are left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab.gobuild import GO_ENV
from lab.gotools import PROGRAMS, program
from lab.process import LabError, Process, Processes

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane

NAME = "cert-manager"
MODULE = "github.com/cert-manager/cert-manager"
GATEWAY_MODULE = "sigs.k8s.io/gateway-api"
CLUSTER_NAMESPACE = "kube-public"
"""Where the Secrets of ClusterIssuers are."""


class CertManager:
    """The running controllers."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    def start(cls, plane: ControlPlane, processes: Processes) -> CertManager:
        """Installs the CRDs and starts the controllers. Raises LabError."""
        install_crds(plane, MODULE, "deploy/crds/cert-manager.io_*.yaml")
        argv: list[str | Path] = [program(NAME), plane.kubeconfig, CLUSTER_NAMESPACE]
        return cls(processes.start(NAME, argv))

    def stop(self) -> None:
        """Stops the controllers; the CRDs stay."""
        self._process.stop()


def install_crds(plane: ControlPlane, module: str, pattern: str) -> list[str]:
    """Installs the CRDs in these files of a pinned module, waits until they are served, and returns their names."""
    files = sorted(module_directory(module).glob(pattern))
    if not files:
        raise LabError(f"the module '{module}' has no file '{pattern}'")
    plane.kubectl("apply", "--server-side", *(part for path in files for part in ("-f", str(path))))
    names = json.loads(plane.kubectl("get", *(part for path in files for part in ("-f", str(path))), "-o", "json"))
    listed = [each["metadata"]["name"] for each in names.get("items", [names])]
    plane.kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in listed), "--timeout=60s")
    return listed


def module_directory(module: str) -> Path:
    """Returns the source of a module that cert-manager's pins name, downloaded if it is missing. Raises LabError."""
    go = shutil.which("go")
    if go is None:
        raise LabError(f"the source of '{module}' needs Go to be downloaded; install Go")
    argv = [go, "mod", "download", "-json", module]
    done = subprocess.run(
        argv, cwd=PROGRAMS[NAME].pins, env={**os.environ, **GO_ENV}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` ended with status {done.returncode}: {done.stderr.strip()}")
    return Path(json.loads(done.stdout)["Dir"])
