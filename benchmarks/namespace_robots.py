"""Counts the requests to Harbor that a robot for each namespace costs.

    python -m benchmarks.namespace_robots 5000 > docs/benchmarks/namespace-robots.json

Runs the operator's own manager of robots against the stand-in of the lab, without an API server, in these phases:

create          every namespace is new
restart         the operator starts again over complete robots
delete          no namespace is left
harbor_restart  like create, but Harbor restarts when half of the robots exist
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest, HttpResponse
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.namespace_robots import MAX_CONCURRENT_ROBOTS, NamespaceRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.metrics import Metrics
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.injection import NamespaceContent
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.robots import NamespaceRobotPolicy
from harbor_operator.ports import Unavailable
from harbor_operator.ports.namespace_robots import DeclaredRobots
from lab.certs import Authority
from lab.harbor.standalone import Standalone
from lab.process import Processes

UID, STEM, OWNER = "uid-1", "intra-cr-pull-a222a995", "pull secrets of HarborRegistry intra/cr in cluster benchmark"
DIGEST = "a222a995"
DEFAULT_ROBOTS_COUNT = 500
PASS_SECONDS = 1.0
CHECK_INTERVAL_SECONDS = 60.0

Figures = dict[str, object]


class CountingHttp(HarborHttp):
    """Counts requests by method and kind of object, and the most that were in progress together."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()
        self.in_progress = self.most = 0

    @override
    async def send(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        self.requests[f"{request.method} {request.path.removeprefix(API).split('/')[1]}"] += 1
        self.in_progress += 1
        self.most = max(self.most, self.in_progress)
        try:
            return await super().send(endpoint, request)
        finally:
            self.in_progress -= 1


@dataclass
class Namespaces:
    """All namespaces are selected, and hold what was prepared; `changes` counts those that were worked on."""

    known: list[ObservedNamespace]
    changes: int = 0

    def namespaces(self, registry_uid: str) -> list[ObservedNamespace] | None:
        """Returns them."""
        return self.known

    def content_changed(self, namespace: str) -> None:
        """Counts."""
        self.changes += 1

    def holds_content(self, registry_uid: str, namespace: str) -> bool:
        """Whether the namespace holds the present content."""
        return True


class Run:
    """One process of the operator; `http` counts its requests."""

    def __init__(self, admin: HarborEndpoint, view: Namespaces) -> None:
        self.admin, self.view, self.http = admin, view, CountingHttp()
        self.harbor, self.probe = HttpHarbor(self.http), HttpRegistryProbe(self.http)
        worker = RobotWorker(self.harbor, self.probe, lambda: datetime.now(UTC))
        deps = RuntimeDeps(time.monotonic, random.random, asyncio.sleep, Metrics(lambda: datetime.now(UTC)))
        self.manager = NamespaceRobots(worker, view, deps)
        policy = NamespaceRobotPolicy(STEM, OWNER, SecretStr("Key-1"), ("library",), (), frozenset({"library"}))
        self.contents = self.manager.declare(UID, DeclaredRobots(admin, policy, ("cr.example.com",), ()))
        self.started = time.perf_counter()

    async def reconcile(self) -> None:
        """Does what a pass of the registry does with the robots."""
        if not self.manager.is_listed(UID, CHECK_INTERVAL_SECONDS / 2):
            self.manager.begin_list(UID)
            self.manager.observe(UID, await self.harbor.read_robots(self.admin, DIGEST))
        self.manager.reconcile(UID)

    async def work_until(self, is_done: Callable[[], bool]) -> None:
        """Works as the operator does until the condition is true."""
        work = asyncio.create_task(self.manager.run())
        while not is_done():
            with suppress(Unavailable):
                await self.reconcile()
            await asyncio.sleep(PASS_SECONDS)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    def ready(self) -> list[NamespaceContent]:
        """Returns the contents that can be written."""
        contents = (self.contents.content(namespace) for namespace in self.view.known)
        return [content for content in contents if content is not None and content.ready]

    def figures(self) -> dict[str, object]:
        """Returns what the run has cost so far."""
        seconds = round(time.perf_counter() - self.started, 1)
        return {"requests": dict(self.http.requests), "most_in_progress": self.http.most, "seconds": seconds}


async def count_accepted(run: Run) -> int:
    """Returns how many of the logins Harbor accepts."""
    limit = asyncio.Semaphore(MAX_CONCURRENT_ROBOTS)

    async def accepts(content: NamespaceContent) -> bool:
        config = json.loads(content.docker_config.get_secret_value()) if content.docker_config else {"auths": {}}
        (entry,) = config["auths"].values()
        login = Login(entry["username"], SecretStr(entry["password"]))
        async with limit:
            return await run.probe.try_login(run.admin.with_login(login))

    return sum(await asyncio.gather(*map(accepts, run.ready())))


async def create(admin: HarborEndpoint, names: list[ObservedNamespace], harbor: Standalone | None = None) -> Figures:
    """Creates the robots; with `harbor`, it restarts when half of them exist."""
    run = Run(admin, Namespaces(names))
    restarts: list[asyncio.Task[None]] = []

    def is_done() -> bool:
        ready = len(run.ready())
        if harbor and not restarts and ready >= len(names) / 2:
            restarts.append(asyncio.create_task(asyncio.to_thread(_restart, harbor)))
        return ready == len(names)

    await run.work_until(is_done)
    await asyncio.gather(*restarts)
    figures = run.figures()
    return {**figures, "accepted_logins": await count_accepted(run)}


def _restart(harbor: Standalone) -> None:
    harbor.stop_core()
    harbor.start_core()


async def measure(harbor: Standalone, count: int) -> Figures:
    """Runs every phase."""
    admin = HarborEndpoint(harbor.url, login=Login("admin", SecretStr(harbor.admin_password)))
    names = [ObservedNamespace(f"tenant-{number}", number, {}) for number in range(count)]
    figures: Figures = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "robots": count, "create": await create(admin, names)}
    restarted = Run(admin, Namespaces(names))
    await restarted.reconcile()
    await restarted.manager.work_through()
    figures["restart"] = restarted.figures()
    figures["delete"] = await delete(admin, count)
    figures["harbor_restart"] = await create(admin, names, harbor)
    return figures


async def delete(admin: HarborEndpoint, count: int) -> Figures:
    """Deletes the robots, because no namespace is left."""
    run = Run(admin, Namespaces([]))
    await run.work_until(lambda: run.view.changes == count)
    return run.figures()


def main() -> None:
    """Starts the stand-in, measures, and prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROBOTS_COUNT
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        directory.chmod(0o711)
        processes = Processes(directory / "logs")
        try:
            harbor = Standalone.start(directory, processes, Authority.create(directory / "ca"))
            print(json.dumps(asyncio.run(measure(harbor, count)), indent=1))
        finally:
            processes.stop_all()


if __name__ == "__main__":
    main()
