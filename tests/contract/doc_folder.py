"""The folder of a reader of the documentation, in which the commands of a page run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from lab.gotools import program
from lab.lab import Lab
from lab.process import LabError
from tests.doc_blocks import ROOT, Block

SUBSTITUTES = {
    "aws": "true",
    "docker": 'case "$*" in (*--password-stdin) cat > /dev/null; esac',
    "helm": """case $1 in
      (install|uninstall) exec "$LAB_HELM" "${@/--wait/--hide-notes}" ;; # no pod becomes ready here
      (*) echo 'image: goharbor/harbor-core:v2.15.1' ;; # Harbor's chart cannot be pulled here
    esac""",
    "kubectl": """case " $* " in
      (*" rollout status "*|*" wait "*) ;;
      (" diff "*) "$LAB_KUBECTL" "$@" || [ $? -eq 1 ] ;; # 1 means that there is a difference
      (*) exec "$LAB_KUBECTL" "$@" ;;
    esac""",
    "kubectl-harbor": 'PYTHONPATH="$LAB_OPERATOR" exec "$LAB_PYTHON" -m harbor_operator.kubectl "$@"',
    "make": 'exec "$LAB_MAKE" --dry-run "$@"',  # the target exists; tests/lab_checks builds the image
    "oc": "true",
    "skopeo": "true",
    "ssh": "cat > /dev/null",
}
"""Shell programs in place of those that need a container engine, another host, an installation, AWS or OpenShift."""


class Folder:
    """The folder of a reader: the checkout as `harbor-operator`, certificates, passwords, and what a page writes."""

    def __init__(self, path: Path, lab: Lab) -> None:
        self.path = path
        self._plane = lab.control_plane
        issued = lab.authority.issue("tls", hosts=["cr.example.com"])
        shutil.copy(lab.authority.ca_path, path / "ca.crt")
        shutil.copy(issued.cert_path, path / "tls.crt")
        shutil.copy(issued.key_path, path / "tls.key")
        (path / "harbor-operator").symlink_to(ROOT)
        for name in ("admin-password.txt", "pull-password.txt"):
            (path / name).write_text("Passw0rd")
        (path / "bin").mkdir()
        for name, script in SUBSTITUTES.items():
            self.put_command(name, script)

    def put_command(self, name: str, script: str) -> None:
        """Puts a command first on the reader's PATH."""
        (self.path / "bin" / name).write_text(f"#!/bin/bash\n{script}\n")
        (self.path / "bin" / name).chmod(0o755)

    def follow(self, blocks: Iterable[Block]) -> None:
        """Writes the files and runs the commands of these blocks, in order. Raises LabError with the failed block."""
        for block in blocks:
            if block.file_name:
                (self.path / block.file_name).write_text(block.text)
            elif block.language == "console":
                self._run(block)

    def _run(self, block: Block) -> None:
        environment = {
            **os.environ,
            "PATH": f"{self.path / 'bin'}:{os.environ['PATH']}",
            "LAB_KUBECTL": str(program("kubectl")),
            "LAB_HELM": str(program("helm")),
            "LAB_OPERATOR": str(ROOT / "operator"),
            "LAB_PYTHON": sys.executable,
            "LAB_MAKE": shutil.which("make") or "make",
            "KUBECONFIG": str(self._plane.kubeconfig),
            "KUBECACHEDIR": str(self._plane.directory / "client-cache"),
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise LabError(f"the block at line {block.line} ended with {done.returncode}: {done.stderr}\n{block.text}")
