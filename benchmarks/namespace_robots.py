"""Counts the requests to Harbor that a robot for each namespace costs: `python -m benchmarks.namespace_robots 5000`.

Runs the operator's own manager of robots against the stand-in of the lab, without an API server. Prints a JSON object.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest, HttpResponse
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.namespace_robots import NamespaceRobots
from harbor_operator.metrics import Metrics
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.robots import NamespaceRobotPolicy
from harbor_operator.ports.namespace_robots import DeclaredRobots
from lab.certs import Authority
from lab.harbor.standalone import Standalone
from lab.process import Processes

UID, STEM, OWNER = "uid-1", "intra-cr-pull-a222a995", "pull secrets of HarborRegistry intra/cr in cluster benchmark"
DEFAULT_ROBOTS_COUNT = 500


class CountingHttp(HarborHttp):
    """Counts requests by method and kind of object."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()

    @override
    async def send(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        self.requests[f"{request.method} {request.path.split('/')[3]}"] += 1
        return await super().send(endpoint, request)


class Namespaces:
    """All namespaces are selected."""

    def __init__(self, count: int) -> None:
        self.known = [ObservedNamespace(f"tenant-{number}", number, {}) for number in range(count)]
        self.left = 0
        self.finished = asyncio.Event()

    def expect(self, changes: int) -> None:
        """Waits for so many changes from now on."""
        self.left = changes
        self.finished.clear()

    def namespaces(self, registry_uid: str) -> list[ObservedNamespace] | None:
        """Returns them."""
        return self.known

    def content_changed(self, namespace: str) -> None:
        """Counts the changes down."""
        self.left -= 1
        if self.left == 0:
            self.finished.set()


async def measure(admin: HarborEndpoint, count: int) -> dict[str, object]:
    """Creates the robots, observes them again as a restarted operator does, and deletes them."""
    http, namespaces = CountingHttp(), Namespaces(count)
    harbor, deps = HttpHarbor(http), RuntimeDeps(time.monotonic, random.random, asyncio.sleep, _metrics())
    policy = NamespaceRobotPolicy(STEM, OWNER, SecretStr("Key-1"), ("library",), (), frozenset({"library"}))
    figures: dict[str, object] = {"robots": count}
    for phase in ("create", "converged", "delete"):
        robots = NamespaceRobots(harbor, namespaces, deps)
        http.requests.clear()
        namespaces.expect(count)
        started = time.perf_counter()
        if phase == "delete":
            namespaces.known = []
        robots.declare(UID, DeclaredRobots(admin, policy, ("cr.example.com",), ()))
        robots.observe(UID, await harbor.read_robots(admin, "a222a995"))
        work = asyncio.create_task(robots.run())
        robots.reconcile(UID)
        if phase != "converged":
            await namespaces.finished.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        total = http.requests.total()
        seconds = round(time.perf_counter() - started, 1)
        figures[phase] = {"requests": dict(http.requests), "per_robot": round(total / count, 2), "seconds": seconds}
    return figures


def _metrics() -> Metrics:
    return Metrics(lambda: datetime.now(UTC))


def main() -> None:
    """Starts the stand-in, measures, and prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROBOTS_COUNT
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        directory.chmod(0o711)
        processes = Processes(directory / "logs")
        try:
            standalone = Standalone.start(directory, processes, Authority.create(directory / "ca"))
            login = Login("admin", SecretStr(standalone.admin_password))
            print(json.dumps(asyncio.run(measure(HarborEndpoint(standalone.url, login=login), count)), indent=1))
        finally:
            processes.stop_all()


if __name__ == "__main__":
    main()
