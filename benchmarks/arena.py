"""One contender on one cluster: what every load asks of the two."""

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

from benchmarks.api import CONFLICT, FAILED, Access, Api, ApiError, for_each, namespace
from benchmarks.contender import Business, Contender
from benchmarks.sightings import Sightings
from benchmarks.usage import Usage, read_usage
from lab.audit import WRITES, AuditEvent
from lab.controlplane import PROGRAMS, ControlPlane
from lab.gotools import build
from lab.lab import Lab
from lab.process import LabError

ROOT = Path(__file__).parents[1]
CREATORS = 32
"""Namespaces that the driver creates at the same time."""
PREFIX = "b-"
AWAKE_SECONDS = 90.0
CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
KEYS = ("namespaces", "serviceaccounts", "secrets", "configmaps", "events")

_serials = itertools.count()


@dataclass(frozen=True)
class Requests:
    """What one user asked for in a while, by the audit log."""

    events: tuple[AuditEvent, ...]

    def counted(self) -> dict[str, int]:
        """Returns 'verb resource' -> how many."""
        counts = Counter(f"{event.verb} {event.resource}" for event in self.events)
        return dict(sorted(counts.items()))

    def within(self, namespaces: Iterable[str]) -> Requests:
        """Only those inside of these namespaces."""
        wanted = set(namespaces)
        return Requests(tuple(event for event in self.events if event.namespace in wanted))

    @property
    def writes(self) -> int:
        """How many change something."""
        return sum(event.verb in WRITES for event in self.events)

    @property
    def reads(self) -> int:
        """How many only look."""
        return len(self.events) - self.writes


class Arena:
    """Use `arena` to get one; the driver's requests are those of the administrator."""

    def __init__(self, plane: ControlPlane, contender: Contender, api: Api, sightings: Sightings) -> None:
        self.plane = plane
        self.contender = contender
        self.api = api
        self.sightings = sightings

    @property
    def needs_reference(self) -> bool:
        """Whether service accounts are the contender's business."""
        return self.contender.card.business is Business.BOTH

    def fresh_names(self, count: int) -> list[str]:
        """Names of namespaces that never were before."""
        serial = next(_serials)
        return [f"{PREFIX}{serial}-{index:05}" for index in range(count)]

    async def create(self, names: Sequence[str], *, with_accounts: bool = True) -> None:
        """Creates namespaces, and their accounts unless the controller manager shall, as fast as the server lets us."""
        await for_each(names, self._create_with_account if with_accounts else self.create_one, CREATORS)

    async def create_one(self, name: str) -> None:
        """Creates one namespace; the controller manager gives it its account."""
        await self.api.must("POST", "/api/v1/namespaces", namespace(name))

    async def _create_with_account(self, name: str) -> None:
        await self.create_one(name)
        path = f"/api/v1/namespaces/{name}/serviceaccounts"
        status, answer = await self.api.send("POST", path, {"metadata": {"name": "default"}})
        if status >= FAILED and status != CONFLICT:  # a conflict: the controller manager was here first
            raise ApiError(f"the account of '{name}' was not made: {answer.get('message')}")

    async def until_accounts(self, names: Sequence[str]) -> None:
        """Returns when the watcher has seen the account of each."""
        seen = self.sightings
        if not await seen.until(lambda: all(seen[name].account is not None for name in names), 60):
            raise LabError("service accounts that were made are not seen by the watcher; see its log")

    async def until_done(self, names: Sequence[str], patience: float) -> bool:
        """Returns whether everything came into place everywhere in time."""
        return await self.sightings.until(lambda: self.sightings.are_done(names), patience)

    async def awake(self) -> str:
        """Returns when the contender serves a new namespace, and that namespace's name."""
        (canary,) = self.fresh_names(1)
        await self.create_one(canary)
        if not await self.until_done([canary], AWAKE_SECONDS):
            raise LabError(
                f"'{self.contender.card.name}' served no namespace in {AWAKE_SECONDS:g} seconds; see its log"
            )
        return canary

    async def start(self) -> None:
        """Starts the contender."""
        await asyncio.to_thread(self.contender.start)

    async def stop(self) -> None:
        """Ends the contender; what it has made stays."""
        await asyncio.to_thread(self.contender.stop)

    def usage(self) -> Usage:
        """What the contender has used so far."""
        return read_usage(self.contender.pid)

    def mark(self) -> int:
        """This moment in the audit log."""
        return self.plane.audit.mark()

    async def requests(self, mark: int) -> Requests:
        """What the contender has asked for since, watches and lists that ended included."""
        events = await asyncio.to_thread(self.plane.audit.since, mark, user=self.contender.user)
        return Requests(tuple(events))


def wipe(plane: ControlPlane) -> None:
    """Takes every namespace of the benchmark away, in etcd: the regular way takes longer than any load.

    API server and controllers are started anew around it: they would be left with half of a world that has gone.
    """
    controllers = [process for process in plane._running if process.name in CONTROLLERS]
    for process in controllers:
        process.kill()
        plane._running.remove(process)
    for kind in KEYS:
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
    """Where the cluster's etcd listens."""
    flag = "--etcd-servers="
    return next(text.removeprefix(flag) for text in plane._apiserver_argv if text.startswith(flag))


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


@asynccontextmanager
async def arena(lab: Lab, contender: Contender) -> AsyncIterator[Arena]:
    """An arena with a watcher at work; the contender is not started yet."""
    plane, card = lab.control_plane, contender.card
    journal = lab.directory / f"journal-{next(_serials)}-{card.name}.tsv"
    argv = [sys.executable, "-m", "benchmarks.watcher", str(plane.kubeconfig), card.secret_name, str(journal)]
    watcher = lab.processes.start(f"watcher-{card.name}", argv, cwd=ROOT)
    sightings = Sightings(journal, card.secret_name, needs_reference=card.business is Business.BOTH)
    async with Api(Access.read(plane.kubeconfig)) as api:
        try:
            if not await sightings.until(lambda: sightings.is_watching, 60):
                raise LabError(f"the watcher does not begin; the end of {watcher.log}:\n{watcher.tail()}")
            yield Arena(plane, contender, api, sightings)
        except ApiError as error:
            raise LabError(str(error)) from error
        finally:
            sightings.close()
            watcher.stop()
            journal.unlink(missing_ok=True)
