"""CustomResourceDefinitions from the source of a Go module that one of the lab's programs uses.

install_crds(plane, "cert-manager", "github.com/cert-manager/cert-manager", "deploy/crds/*.yaml")
install_gateway_api(plane)            # the standard channel of the Gateway API
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab.gobuild import GO_ENV
from lab.gotools import PROGRAMS
from lab.process import LabError, wait_until

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane

GATEWAY_MODULE = "sigs.k8s.io/gateway-api"
GATEWAY_PINS = "traefik"
"""The program whose pins name the version of the Gateway API."""
GATEWAY_FILES = "config/crd/standard/gateway.networking.k8s.io_[!v]*.yaml"
"""Without the admission policy, whose name begins with v: it refuses the experimental channel, which tests use too."""


def install_gateway_api(plane: ControlPlane) -> list[str]:
    """Installs the CRDs of the standard channel, and returns their names. Raises LabError."""
    return install_crds(plane, GATEWAY_PINS, GATEWAY_MODULE, GATEWAY_FILES)


def remove_gateway_api(plane: ControlPlane) -> None:
    """Removes the CRDs with their objects; they are gone when this returns. Raises LabError."""
    files = _file_arguments(module_files(GATEWAY_PINS, GATEWAY_MODULE, GATEWAY_FILES))
    plane.kubectl("delete", "--ignore-not-found", "--wait=false", *files)
    remaining = ("get", "--ignore-not-found", "-o", "name", *files)
    wait_until(lambda: not plane.kubectl(*remaining), "the CRDs of the Gateway API are gone", deadline=180)


def install_crds(plane: ControlPlane, program: str, module: str, pattern: str) -> list[str]:
    """Installs the CRDs in these files of a module that the pins of a program name, and returns their names.

    They are served when this returns. Raises LabError.
    """
    files = _file_arguments(module_files(program, module, pattern))
    plane.kubectl("apply", "--server-side", *files)
    names = json.loads(plane.kubectl("get", *files, "-o", "json"))
    listed = [each["metadata"]["name"] for each in names.get("items", [names])]
    plane.kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in listed), "--timeout=60s")
    return listed


def module_files(program: str, module: str, pattern: str) -> list[Path]:
    """Returns the files of a pinned module that match the pattern, at least one. Raises LabError."""
    files = sorted(module_directory(program, module).glob(pattern))
    if not files:
        raise LabError(f"the module '{module}' has no file '{pattern}'")
    return files


def _file_arguments(files: list[Path]) -> list[str]:
    """Returns the arguments of kubectl for these files."""
    return [part for path in files for part in ("-f", str(path))]


def module_directory(program: str, module: str) -> Path:
    """Returns the source of a module that the pins of a program name, downloaded if it is missing. Raises LabError."""
    go = shutil.which("go")
    if go is None:
        raise LabError(f"the source of '{module}' needs Go to be downloaded; install Go")
    argv = [go, "mod", "download", "-json", module]
    done = subprocess.run(
        argv, cwd=PROGRAMS[program].pins, env={**os.environ, **GO_ENV}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` ended with status {done.returncode}: {done.stderr.strip()}")
    return Path(json.loads(done.stdout)["Dir"])
