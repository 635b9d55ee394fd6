"""Runs the pods of a Harbor release as local processes, because pods on a KWOK node do not run.

It is a separate process (`python -m lab.harbor.workloads`): a busy or paused lab does not affect Harbor, the container
environments are separate from the lab's, and there is one log file. Core has a fixed address for the life of the lab,
so that a TLS proxy can forward to it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.addresses import HOST, join
from lab.harbor.cluster import Cluster
from lab.harbor.follower import STATUS, Follower
from lab.harbor.launches import Addresses
from lab.process import LabError, Processes, free_port, wait_until

if TYPE_CHECKING:
    from lab.process import Process

PROJECT_ROOT = Path(__file__).parents[2]
INTERVAL_SECONDS = 0.25
INHERITED_VARIABLES = {
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "TMPDIR",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
}
"""The only variables that workloads inherit, as in a container."""


class Workloads:
    """The running workloads of one release."""

    def __init__(self, directory: Path, process: Process, port: int) -> None:
        self.port = port
        self._directory = directory
        self._process = process

    @classmethod
    def start(
        cls, directory: Path, processes: Processes, kubeconfig: Path, *, namespace: str, release: str
    ) -> Workloads:
        """Starts to watch the release, which need not exist yet. Raises LabError."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        ports = [free_port() for _ in range(4)]
        options = {
            "--kubeconfig": kubeconfig,
            "--namespace": namespace,
            "--release": release,
            "--directory": directory,
            "--log-dir": processes.log_dir,
            "--ports": ",".join(map(str, ports)),
        }
        words = [str(word) for pair in options.items() for word in pair]
        argv = [sys.executable, "-m", "lab.harbor.workloads", *words]
        process = processes.start(directory.name, argv, cwd=PROJECT_ROOT)
        wait_until((directory / STATUS).exists, "the Harbor workloads are watched", deadline=20, process=process)
        return cls(directory, process, ports[0])

    @property
    def url(self) -> str:
        """The URL of core; a TLS proxy must forward Host and X-Forwarded-Proto."""
        return f"http://{join(HOST, self.port)}"

    def status(self) -> dict[str, dict[str, Any]]:
        """Returns state, restarts, last exit and pid of `core`, `registry` and `registryctl`."""
        status: dict[str, dict[str, Any]] = json.loads((self._directory / STATUS).read_text())
        return status

    def wait_running(self, deadline: float = 60) -> None:
        """Waits until both run and core reports every component as healthy. Raises LabError with the errors."""
        try:
            wait_until(
                lambda: all(one["state"] == "Running" for one in self.status().values()) and not self._errors(),
                "Harbor's core and registry run",
                deadline=deadline,
                process=self._process,
            )
        except LabError as error:
            raise LabError(f"{error}\n{json.dumps(self.status(), indent=1)}\n{self._errors()}") from error

    def _errors(self) -> list[str]:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2.0/health", timeout=20) as answer:  # noqa: S310 - loopback
                components = json.load(answer)["components"]
        except OSError as error:
            return [f"core does not answer: {error}"]
        return [one["error"] for one in components if one["status"] != "healthy"]

    def stop(self) -> None:
        """Stops all workloads."""
        self._process.stop()


def main() -> int:
    """Watches the release until SIGTERM."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in set(os.environ) - INHERITED_VARIABLES:
        del os.environ[name]
    addresses = Addresses(*(join(HOST, int(port)) for port in options.ports.split(",")))
    processes = Processes(options.log_dir)
    follower = Follower(Cluster(options.kubeconfig), options.directory, processes, addresses)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        while not stopped.is_set():
            follower.tick(options.namespace, options.release)
            stopped.wait(INTERVAL_SECONDS)
    finally:
        processes.stop_all()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.harbor.workloads", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--release", required=True)
    parser.add_argument(
        "--directory", type=Path, required=True, help="private directory for the mounted files of the pods"
    )
    parser.add_argument("--log-dir", type=Path, required=True)
    parser.add_argument("--ports", required=True, metavar="CORE,REGISTRY,DEBUG,REGISTRYCTL")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
