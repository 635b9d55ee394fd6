"""One injector on one cluster, with the operations that the loads need."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.api import BAD_REQUEST, CONFLICT, Access, Api, ApiError, for_each, namespace
from benchmarks.injector import Injector, Scope
from benchmarks.observations import Observations
from benchmarks.usage import Usage, read_usage
from lab.audit import WRITES, AuditEvent
from lab.controlplane import PROGRAMS, ControlPlane
from lab.gotools import build
from lab.lab import Lab
from lab.process import LabError

ROOT = Path(__file__).parents[1]
MAX_CONCURRENT_CREATES = 32
"""The number of namespaces that are created in parallel."""
PREFIX = "b-"
SERVING_SECONDS = 90.0
CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
ETCD_RESOURCES = ("namespaces", "serviceaccounts", "secrets", "configmaps", "events")

_serials = itertools.count()


@dataclass(frozen=True)
class Requests:
    """The requests of one user in an interval, from the audit log."""

    events: tuple[AuditEvent, ...]

    def counted(self) -> dict[str, int]:
        """Returns the number of requests by 'verb resource'."""
        counts = Counter(f"{event.verb} {event.resource}" for event in self.events)
        return dict(sorted(counts.items()))

    def within(self, namespaces: Iterable[str]) -> Requests:
        """Returns the requests in these namespaces."""
        wanted = set(namespaces)
        return Requests(tuple(event for event in self.events if event.namespace in wanted))

    @property
    def writes(self) -> int:
        """The number of write requests."""
        return sum(event.verb in WRITES for event in self.events)

    @property
    def reads(self) -> int:
        """The number of read requests."""
        return len(self.events) - self.writes


class BenchmarkEnvironment:
    """Created by `open_environment`; its own requests use the administrator's account."""

    def __init__(self, plane: ControlPlane, injector: Injector, api: Api, observations: Observations) -> None:
        self.plane = plane
        self.injector = injector
        self.api = api
        self.observations = observations

    @property
    def needs_reference(self) -> bool:
        """Whether the injector also adds references to service accounts."""
        return self.injector.info.scope is Scope.BOTH

    def new_names(self, count: int) -> list[str]:
        """Returns unused namespace names."""
        serial = next(_serials)
        return [f"{PREFIX}{serial}-{index:05}" for index in range(count)]

    async def create(self, names: Sequence[str], *, with_accounts: bool = True) -> None:
        """Creates namespaces as fast as the server allows, optionally with their service accounts."""
        await for_each(names, self._create_with_account if with_accounts else self.create_one, MAX_CONCURRENT_CREATES)

    async def create_one(self, name: str) -> None:
        """Creates one namespace; the controller manager creates its service account."""
        await self.api.request("POST", "/api/v1/namespaces", namespace(name))

    async def _create_with_account(self, name: str) -> None:
        await self.create_one(name)
        path = f"/api/v1/namespaces/{name}/serviceaccounts"
        status, answer = await self.api.send("POST", path, {"metadata": {"name": "default"}})
        if status >= BAD_REQUEST and status != CONFLICT:  # a conflict: the controller manager has created it
            raise ApiError(f"the account of '{name}' was not created: {answer.get('message')}")

    async def until_accounts(self, names: Sequence[str]) -> None:
        """Waits until the watcher has seen the service account of each namespace. Raises LabError."""
        seen = self.observations
        if not await seen.until(lambda: all(seen[name].account is not None for name in names), 60):
            raise LabError("the watcher did not see the created service accounts; see its log")

    async def until_done(self, names: Sequence[str], timeout_seconds: float) -> bool:
        """Waits until all namespaces are done; returns False on timeout."""
        return await self.observations.until(lambda: self.observations.are_done(names), timeout_seconds)

    async def wait_serving(self) -> str:
        """Waits until the injector serves a new namespace, and returns its name. Raises LabError."""
        (canary,) = self.new_names(1)
        await self.create_one(canary)
        if not await self.until_done([canary], SERVING_SECONDS):
            raise LabError(
                f"'{self.injector.info.name}' served no namespace within {SERVING_SECONDS:g} seconds; see its log"
            )
        return canary

    async def start(self) -> None:
        """Starts the injector."""
        await asyncio.to_thread(self.injector.start)

    async def stop(self) -> None:
        """Stops the injector; its objects stay."""
        await asyncio.to_thread(self.injector.stop)

    def usage(self) -> Usage:
        """Returns the resource usage of the injector until now."""
        return read_usage(self.injector.pid)

    def mark(self) -> int:
        """Returns a mark in the audit log."""
        return self.plane.audit.mark()

    async def requests(self, mark: int) -> Requests:
        """Returns the injector's requests since a mark that have ended, including watches."""
        events = await asyncio.to_thread(self.plane.audit.since, mark, user=self.injector.user)
        return Requests(tuple(events))


def reset_cluster(plane: ControlPlane) -> None:
    """Deletes every namespace of the benchmark directly in etcd, because regular deletion takes longer than any load.

    The API server and the controllers are restarted, because their caches would be stale.
    """
    controllers = [process for process in plane._running if process.name in CONTROLLERS]
    for process in controllers:
        process.kill()
        plane._running.remove(process)
    for kind in ETCD_RESOURCES:
        _delete_keys(plane, f"/registry/{kind}/{PREFIX}")
    plane.restart_apiserver()
    plane._start_controllers(build(PROGRAMS))


def _delete_keys(plane: ControlPlane, first: str) -> None:
    last = first[:-1] + chr(ord(first[-1]) + 1)
    body = {"key": _encoded(first), "range_end": _encoded(last)}
    request = urllib.request.Request(f"{etcd_url(plane)}/v3/kv/deleterange", json.dumps(body).encode())  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - a loopback address of our own
        answer.read()


def etcd_url(plane: ControlPlane) -> str:
    """Returns the URL of the cluster's etcd."""
    flag = "--etcd-servers="
    return next(text.removeprefix(flag) for text in plane._apiserver_argv if text.startswith(flag))


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


@asynccontextmanager
async def open_environment(lab: Lab, injector: Injector) -> AsyncIterator[BenchmarkEnvironment]:
    """Yields an environment with a running watcher; the injector is not started."""
    plane, info = lab.control_plane, injector.info
    journal = lab.directory / f"journal-{next(_serials)}-{info.name}.tsv"
    argv = [sys.executable, "-m", "benchmarks.watcher", str(plane.kubeconfig), info.secret_name, str(journal)]
    watcher = lab.processes.start(f"watcher-{info.name}", argv, cwd=ROOT)
    observations = Observations(journal, info.secret_name, needs_reference=info.scope is Scope.BOTH)
    async with Api(Access.read(plane.kubeconfig)) as api:
        try:
            if not await observations.until(lambda: observations.is_watching, 60):
                raise LabError(f"the watcher does not start; the end of {watcher.log}:\n{watcher.tail()}")
            yield BenchmarkEnvironment(plane, injector, api, observations)
        except ApiError as error:
            raise LabError(str(error)) from error
        finally:
            observations.close()
            watcher.stop()
            journal.unlink(missing_ok=True)
