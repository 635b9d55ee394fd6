"""The robots of namespaces: created before the pull Secret of the namespace is written, and deleted after it.

A new robot costs two requests to Harbor: its creation, and its password, which is derived (plan/namespace_robots.py).
The content of a namespace is ready after the second one. After a restart, a pull Secret that contains the derived
password proves that Harbor has it; one that does not is written after the password is set again.

A rotation costs three requests, and later as many to end the replaced robot. The namespace keeps its login until Harbor
has accepted the new one, and the replaced robot is kept until the namespace has had the new login for some time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from typing import Protocol

from typing_extensions import override

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.registry_robots import Key, RegistryRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.model.backoff import backoff_seconds
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.injection import NamespaceContents
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.robots import NamespaceRobotFacts, RobotRotation
from harbor_operator.plan.namespace_robots import is_due
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.namespace_robots import DeclaredRobots, NamespaceRobotManager

LOG = logging.getLogger(__name__)
MAX_CONCURRENT_ROBOTS = 8
INITIAL_RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 60.0
PAUSE_SECONDS = 5.0
"""Without a request after two failures in a row: thousands of robots must not overload a Harbor that starts."""
MAX_ROTATIONS = 100
"""Rotations that one list of robots starts, so that thousands that are due at once are spread over time."""


class NamespaceView(Protocol):
    """What the robots need from the injector."""

    def namespaces(self, registry_uid: str) -> list[ObservedNamespace] | None:
        """Returns the namespaces in which a registry keeps its pull Secret; None before they are known."""
        ...

    def content_changed(self, namespace: str) -> None:
        """Plans a namespace again."""
        ...

    def holds_content(self, registry_uid: str, namespace: str) -> bool:
        """Whether the pull Secret of a registry in a namespace has the present content."""
        ...


class NamespaceRobots(NamespaceRobotManager):
    """Works through what the registries want, at most MAX_CONCURRENT_ROBOTS robots at a time."""

    def __init__(self, worker: RobotWorker, view: NamespaceView, deps: RuntimeDeps) -> None:
        self._worker = worker
        self._view = view
        self._deps = deps
        self._registries: dict[str, RegistryRobots] = {}
        self._queue: asyncio.Queue[Key] = asyncio.Queue()
        self._failures: dict[Key, int] = {}
        self._in_progress: dict[str, set[asyncio.Event]] = {}

    @override
    def declare(self, registry_uid: str, declared: DeclaredRobots) -> NamespaceContents:
        known = self._registries.get(registry_uid)
        if known is None:
            known = self._registries[registry_uid] = RegistryRobots(registry_uid, declared, self._queue)
        if known.declared.policy.key != declared.policy.key:
            known.prepared.clear()
        known.declared = declared
        return known

    @override
    def is_listed(self, registry_uid: str, max_age_seconds: float) -> bool:
        known = self._registries.get(registry_uid)
        at = known.listed_at if known else None
        return at is not None and self._deps.clock() - at < max_age_seconds

    @override
    def begin_list(self, registry_uid: str) -> None:
        self._registries[registry_uid].touched.clear()

    @override
    def observe(self, registry_uid: str, robots: Sequence[ObservedRobot]) -> None:
        known = self._registries[registry_uid]
        known.observe(robots)
        known.listed_at, known.startable = self._deps.clock(), MAX_ROTATIONS

    @override
    def version(self, registry_uid: str) -> bytes:
        known = self._registries[registry_uid]
        declared = known.declared
        policy = replace(declared.policy, existing=frozenset(), rotation=RobotRotation())
        secret = [login.password.get_secret_value() for _, login in declared.others]
        prefixes = {group.used.login.partition(policy.stem)[0] for group in known.groups.values()}
        parts = (policy, policy.key.get_secret_value(), sorted(declared.policy.existing), declared.hosts)
        return hashlib.sha256(repr((parts, declared.others, secret, sorted(prefixes))).encode()).digest()

    @override
    def reconcile(self, registry_uid: str) -> None:
        known, namespaces = self._registries[registry_uid], self._view.namespaces(registry_uid)
        if namespaces is None:
            return
        now = self._worker.now()
        for name in [name for name, group in known.groups.items() if group.earlier]:
            if self._view.holds_content(registry_uid, name):
                known.held_since.setdefault(name, now)
            else:
                known.held_since.pop(name, None)
        for namespace in namespaces:
            if known.needs_work(namespace, now):
                known.enqueue(namespace.name, namespace)
        self._start_rotations(known, namespaces)
        # Also a robot that is being created: its namespace may have ended meanwhile.
        for name in (known.groups.keys() | known.wanted.keys()) - {namespace.name for namespace in namespaces}:
            known.enqueue(name, None)

    @override
    def repair(self, registry_uid: str, failed: frozenset[str]) -> None:
        if known := self._registries.get(registry_uid):
            known.possibly_changed |= failed - known.failed
            known.failed = failed

    @override
    def left_to_rotate(self, registry_uid: str) -> int:
        known = self._registries[registry_uid]
        up_to = known.declared.policy.rotation.up_to
        return sum(
            group.used.number <= up_to and self._view.holds_content(registry_uid, name)
            for name, group in known.groups.items()
        )

    @override
    def read(self, registry_uid: str) -> NamespaceRobotFacts:
        known = self._registries.get(registry_uid)
        return known.facts() if known else NamespaceRobotFacts()

    @override
    def withdraw(self, registry_uid: str) -> None:
        self._registries.pop(registry_uid, None)

    @override
    async def stop(self, registry_uid: str) -> None:
        self.withdraw(registry_uid)
        for finished in tuple(self._in_progress.get(registry_uid, ())):
            await finished.wait()

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(MAX_CONCURRENT_ROBOTS):
                tasks.create_task(self._work(tasks))

    async def work_through(self) -> None:
        """Works until nothing is left to do now; what must be tried again stays in the queue. For tests."""
        later = []
        while not self._queue.empty():
            key = self._queue.get_nowait()
            if await self._take(key):
                later.append(key)
        for key in later:
            self._queue.put_nowait(key)

    async def _work(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            key = await self._queue.get()
            if delay := await self._take(key):
                tasks.create_task(self._retry(key, delay))

    async def _retry(self, key: Key, delay: float) -> None:
        await self._deps.sleep(delay)
        self._queue.put_nowait(key)

    async def _take(self, key: Key) -> float:
        """Does the work for one namespace; returns the seconds after which it must be tried again, 0 if it is done."""
        uid, name = key
        known = self._registries.get(uid)
        if known is None or name not in known.wanted:
            return 0.0
        if (pause := known.paused_until - self._deps.clock()) > 0:
            return pause + self._deps.random()
        namespace = known.wanted[name]
        known.touched.add(name)
        try:
            with self._marked_in_progress(uid):
                await (self._worker.ensure(known, namespace) if namespace else self._worker.remove(known, name))
        except Unavailable as unavailable:
            LOG.info("the robot of namespace '%s' is tried again: %s", name, unavailable)
            return self._postpone(known, key, unavailable)
        except Refused as refused:
            known.errors[name] = str(refused)
        except Exception:
            LOG.exception("the robot of namespace '%s' could not be prepared", name, extra={"namespace": name})
        else:
            known.errors.pop(name, None)
        known.unanswered = 0
        self._failures.pop(key, None)
        if known.wanted.get(name) is namespace:
            del known.wanted[name]
        else:
            self._queue.put_nowait(key)  # it has changed meanwhile
        self._view.content_changed(name)
        return 0.0

    def _postpone(self, known: RegistryRobots, key: Key, unavailable: Unavailable) -> float:
        """Returns when to try again, and pauses the registry if this is not the first failure in a row."""
        known.listed_at = None  # Harbor may have executed the request; the next pass lists again
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = backoff_seconds(INITIAL_RETRY_SECONDS, MAX_RETRY_SECONDS, self._failures[key] - 1)
        now, known.unanswered = self._deps.clock(), known.unanswered + 1
        if known.unanswered > 1 and now >= known.paused_until:
            known.paused_until = now + PAUSE_SECONDS
        return max(delay, unavailable.retry_after or 0.0) * (0.5 + self._deps.random())

    @contextmanager
    def _marked_in_progress(self, uid: str) -> Iterator[None]:
        finished, in_progress = asyncio.Event(), self._in_progress.setdefault(uid, set())
        in_progress.add(finished)
        try:
            yield
        finally:
            finished.set()
            in_progress.discard(finished)
            if not in_progress:
                self._in_progress.pop(uid, None)

    def _start_rotations(self, known: RegistryRobots, namespaces: Iterable[ObservedNamespace]) -> None:
        """Starts the rotations that are due: the oldest robots first, after them those whose rotation failed before."""
        rotation, now = known.declared.policy.rotation, self._worker.now()
        due = [
            (namespace.name in known.failures, group.used.number, namespace)
            for namespace in namespaces
            if (group := known.groups.get(namespace.name)) and is_due(rotation, group.used, now)
        ]
        for _, _, namespace in sorted(due, key=itemgetter(0, 1)):
            if not known.startable:
                return
            if namespace.name not in known.wanted and self._may_rotate(known, namespace.name):
                known.startable -= 1
                known.due.add(namespace.name)
                known.enqueue(namespace.name, namespace)

    def _may_rotate(self, known: RegistryRobots, name: str) -> bool:
        # Where the login cannot be written, only the end of a robot is a reason for another one.
        return known.groups[name].used.expires_at is not None or self._view.holds_content(known.uid, name)
