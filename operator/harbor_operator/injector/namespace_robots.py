"""The robots of namespaces: created before the pull Secret of the namespace is written, and deleted after it.

A new robot costs two requests to Harbor: its creation, and its password, which is derived (plan/namespace_robots.py).
The content of a namespace is ready after the second one. After a restart, a pull Secret that contains the derived
password proves that Harbor has it; one that does not is written after the password is set again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from typing_extensions import override

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.model.backoff import backoff_seconds
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.injection import NamespaceContent, NamespaceContents
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.plan.docker_config import render_docker_config
from harbor_operator.plan.namespace_robots import namespace_login, namespace_of, plan_namespace_robot
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.namespace_robots import DeclaredRobots, NamespaceRobotManager

LOG = logging.getLogger(__name__)
MAX_CONCURRENT_ROBOTS = 8
INITIAL_RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 60.0

Key = tuple[str, str]
"""Uid of a registry, and namespace."""


class NamespaceView(Protocol):
    """What the robots need from the injector."""

    def namespaces(self, registry_uid: str) -> list[ObservedNamespace] | None:
        """Returns the namespaces in which a registry keeps its pull Secret; None before they are known."""
        ...

    def content_changed(self, namespace: str) -> None:
        """Plans a namespace again."""
        ...


@dataclass(eq=False)
class _RegistryRobots(NamespaceContents):
    """The robots of one registry by namespace, as Harbor has them.

    `prepared` are those whose password was set in this process, `wanted` the namespaces to create or correct a robot
    for, None = to delete it, `touched` those whose robot may be newer than the list that is being read.
    """

    uid: str
    declared: DeclaredRobots
    queue: asyncio.Queue[Key]
    robots: dict[str, ObservedRobot] = field(default_factory=dict)
    prepared: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, ObservedNamespace | None] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    listed_at: float | None = None

    @override
    def content(self, namespace: ObservedNamespace) -> NamespaceContent | None:
        name, policy = namespace.name, self.declared.policy
        if plan_namespace_robot(policy, namespace) is None:
            return None
        robot = self.robots.get(name)
        if robot is None:
            return NamespaceContent(error=self.errors.get(name, ""))
        login = namespace_login(policy, name, robot)
        logins = {**dict(self.declared.others), **dict.fromkeys(self.declared.hosts, login)}
        return NamespaceContent(render_docker_config(logins), name in self.prepared, self.errors.get(name, ""))

    @override
    def request(self, namespace: ObservedNamespace) -> None:
        self.enqueue(namespace.name, namespace)

    def enqueue(self, name: str, namespace: ObservedNamespace | None) -> None:
        if name not in self.wanted:
            self.queue.put_nowait((self.uid, name))
        self.wanted[name] = namespace


class NamespaceRobots(NamespaceRobotManager):
    """Works through what the registries want, at most MAX_CONCURRENT_ROBOTS robots at a time."""

    def __init__(self, harbor: Harbor, view: NamespaceView, deps: RuntimeDeps) -> None:
        self._harbor = harbor
        self._view = view
        self._deps = deps
        self._registries: dict[str, _RegistryRobots] = {}
        self._queue: asyncio.Queue[Key] = asyncio.Queue()
        self._failures: dict[Key, int] = {}
        self._in_progress: dict[str, set[asyncio.Event]] = {}

    @override
    def declare(self, registry_uid: str, declared: DeclaredRobots) -> NamespaceContents:
        known = self._registries.get(registry_uid)
        if known is None:
            known = self._registries[registry_uid] = _RegistryRobots(registry_uid, declared, self._queue)
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
        newer = known.touched | known.wanted.keys()
        listed = ((namespace_of(known.declared.policy, robot), robot) for robot in robots)
        found = {name: robot for name, robot in listed if name is not None and name not in newer}
        found |= {name: robot for name, robot in known.robots.items() if name in newer}
        known.prepared = {name for name in known.prepared if _is_same(known.robots.get(name), found.get(name))}
        known.robots, known.listed_at = found, self._deps.clock()
        known.errors.clear()

    @override
    def version(self, registry_uid: str) -> bytes:
        known = self._registries[registry_uid]
        declared = known.declared
        policy = replace(declared.policy, existing=frozenset())
        secret = [login.password.get_secret_value() for _, login in declared.others]
        prefixes = {robot.login.partition(policy.stem)[0] for robot in known.robots.values()}
        parts = (policy, policy.key.get_secret_value(), sorted(declared.policy.existing), declared.hosts)
        return hashlib.sha256(repr((parts, declared.others, secret, sorted(prefixes))).encode()).digest()

    @override
    def reconcile(self, registry_uid: str) -> None:
        known, namespaces = self._registries[registry_uid], self._view.namespaces(registry_uid)
        if namespaces is None:
            return
        for namespace in namespaces:
            desired, robot = plan_namespace_robot(known.declared.policy, namespace), known.robots.get(namespace.name)
            if desired is not None and (robot is None or not desired.is_met_by(robot)):
                known.enqueue(namespace.name, namespace)
        # Also a robot that is being created: its namespace may have ended meanwhile.
        for name in (known.robots.keys() | known.wanted.keys()) - {namespace.name for namespace in namespaces}:
            known.enqueue(name, None)

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
        namespace = known.wanted[name]
        known.touched.add(name)
        try:
            with self._marked_in_progress(uid):
                await (self._ensure(known, namespace) if namespace else self._remove(known, name))
        except Unavailable as unavailable:
            self._failures[key] = self._failures.get(key, 0) + 1
            delay = backoff_seconds(INITIAL_RETRY_SECONDS, MAX_RETRY_SECONDS, self._failures[key] - 1)
            known.listed_at = None  # Harbor may have executed the request; the next pass lists again
            LOG.info("the robot of namespace '%s' is tried again: %s", name, unavailable)
            return max(delay, unavailable.retry_after or 0.0) * (0.5 + self._deps.random())
        except Refused as refused:
            known.errors[name] = str(refused)
        except Exception:
            LOG.exception("the robot of namespace '%s' could not be prepared", name, extra={"namespace": name})
        else:
            known.errors.pop(name, None)
        self._failures.pop(key, None)
        if known.wanted.get(name) is namespace:
            del known.wanted[name]
        else:
            self._queue.put_nowait(key)  # it has changed meanwhile
        self._view.content_changed(name)
        return 0.0

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

    async def _ensure(self, known: _RegistryRobots, namespace: ObservedNamespace) -> None:
        name, declared = namespace.name, known.declared
        desired, robot = plan_namespace_robot(declared.policy, namespace), known.robots.get(name)
        if desired is None:
            return
        if robot is None:
            robot = await self._harbor.create_robot(declared.admin, desired)
            known.robots[name] = robot
            known.prepared.discard(name)
        elif not desired.is_met_by(robot):
            await self._harbor.update_robot(declared.admin, robot, desired)
            rights = replace(robot, grants=desired.grants, duration_days=desired.duration_days, is_enabled=True)
            robot = known.robots[name] = rights
        if name not in known.prepared:
            password = namespace_login(declared.policy, name, robot).password
            await self._harbor.set_robot_secret(declared.admin, robot, password)
            known.prepared.add(name)

    async def _remove(self, known: _RegistryRobots, name: str) -> None:
        if robot := known.robots.get(name):
            await self._harbor.remove_robot(known.declared.admin, robot)
            known.robots.pop(name, None)
            known.prepared.discard(name)


def _is_same(before: ObservedRobot | None, after: ObservedRobot | None) -> bool:
    return before is not None and after is not None and before.number == after.number
