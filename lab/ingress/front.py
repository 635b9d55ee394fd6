"""Starts and stops an ingress controller."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from lab.certs import Authority
from lab.debian import locate
from lab.ingress.nginx_conf import UNTRUSTED, ControllerSettings
from lab.nginx import AccessLog, Request
from lab.process import Process, Processes, free_port, wait_until

PROJECT_ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0


class IngressFront:
    """A running ingress controller."""

    def __init__(self, settings: ControllerSettings, processes: Processes) -> None:
        self.port = settings.port
        self._log = AccessLog(Path(settings.access_log), settings.control_port)
        argv: list[str | Path] = [sys.executable, "-m", "lab.ingress.controller", settings.write()]
        self._process: Process = processes.start(Path(settings.home).name, argv, cwd=PROJECT_ROOT)

    @classmethod
    def start(
        cls, directory: Path, processes: Processes, namespace: str, kubeconfig: Path, node_pid: int
    ) -> IngressFront:
        """Starts a controller for the Ingress objects of a namespace, which need not exist yet."""
        tool, control_port = locate("nginx", ["nginx-light"]), free_port()
        directory.mkdir()
        _write_untrusted_certificate(directory)
        settings = ControllerSettings(
            home=str(directory),
            access_log=str(processes.log_dir / f"{directory.name}-access.log"),
            port=free_port(),
            control_port=control_port,
            namespace=namespace,
            kubeconfig=str(kubeconfig),
            nginx=str(tool.path),
            nginx_env=dict(tool.env),
            node_pid=node_pid,
        )
        front = cls(settings, processes)
        wait_until(front._answers, f"'{directory.name}' serves", deadline=START_SECONDS, process=front._process)
        return front

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"https://localhost:{self.port}"

    def mark(self) -> int:
        """Returns the current position in the access log, for `requests_since`."""
        return self._log.mark()

    def requests_since(self, mark: int) -> list[Request]:
        """Returns the requests since `mark` that were answered, in the order of completion."""
        return self._log.since(mark)

    def stop(self) -> None:
        """Ends the controller and its nginx."""
        self._log.settle()
        self._process.stop()

    def _answers(self) -> bool:
        self._log.settle()
        return self._log.path.exists()


def _write_untrusted_certificate(directory: Path) -> None:
    issued = Authority.create(directory / "untrusted-ca").issue(UNTRUSTED, hosts=["ingress.local"])
    for path in (issued.cert_path, issued.key_path):
        shutil.copy(path, directory)
