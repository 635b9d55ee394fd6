"""The robots of one registry's namespaces, as Harbor has them, and the contents of the pull Secrets that follow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from typing_extensions import override

from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.injection import NamespaceContent, NamespaceContents
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.robots import NamespaceRobotFacts, Retirement, RobotGroup
from harbor_operator.plan.docker_config import render_docker_config
from harbor_operator.plan.namespace_robots import (
    corrections,
    describe_robots,
    group_robots,
    namespace_login,
    plan_namespace_retirement,
    plan_namespace_robot,
)
from harbor_operator.ports.namespace_robots import DeclaredRobots

Key = tuple[str, str]
"""Uid of a registry, and namespace."""


@dataclass(eq=False)
class RegistryRobots(NamespaceContents):
    """The robots by namespace, and what is to be done about them.

    prepared          whose password was set in this process
    possibly_changed  whose password another client has possibly changed
    errors            why Harbor refuses the robot
    wanted            the namespace to work on, None = to delete its robots
    touched           whose robots can be newer than the list that is being read
    due               whose robot must be replaced
    failures          why that has failed
    held_since        since when the namespace has the login in use, where robots were replaced
    in_use            the replaced robots that still pull, with their last pull
    failed            the namespaces whose pulls failed when last tried
    startable         how many more rotations the last list of robots can start
    unanswered        how many requests in a row Harbor did not answer, or answered with a server error
    """

    uid: str
    declared: DeclaredRobots
    queue: asyncio.Queue[Key]
    groups: dict[str, RobotGroup] = field(default_factory=dict)
    prepared: set[str] = field(default_factory=set)
    possibly_changed: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, ObservedNamespace | None] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    due: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    held_since: dict[str, datetime] = field(default_factory=dict)
    in_use: dict[str, datetime | None] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    startable: int = 0
    unanswered: int = 0
    paused_until: float = 0.0
    listed_at: float | None = None

    @override
    def content(self, namespace: ObservedNamespace) -> NamespaceContent | None:
        name, policy = namespace.name, self.declared.policy
        if plan_namespace_robot(policy, namespace) is None:
            return None
        group = self.groups.get(name)
        if group is None:
            return NamespaceContent(error=self.errors.get(name, ""))
        login = namespace_login(policy, name, group.used)
        logins = {**dict(self.declared.others), **dict.fromkeys(self.declared.hosts, login)}
        return NamespaceContent(render_docker_config(logins), name in self.prepared, self.errors.get(name, ""))

    @override
    def request(self, namespace: ObservedNamespace) -> None:
        self.enqueue(namespace.name, namespace)

    def enqueue(self, name: str, namespace: ObservedNamespace | None) -> None:
        """Has a namespace worked on."""
        if name not in self.wanted:
            self.queue.put_nowait((self.uid, name))
        self.wanted[name] = namespace

    def observe(self, robots: Sequence[ObservedRobot]) -> None:
        """Takes a list of the robots; what was changed at the same time is newer."""
        newer, before = self.touched | self.wanted.keys(), self.groups
        used = {name: group.used.number for name, group in before.items()}
        listed = group_robots(self.declared.policy, robots, used)
        found = {name: group for name, group in listed.items() if name not in newer}
        self.groups = found | {name: group for name, group in before.items() if name in newer}
        kept = {name for name, group in self.groups.items() if used.get(name) == group.used.number}
        self.prepared &= kept
        self.possibly_changed &= kept
        self.possibly_changed |= {name for name in kept if _is_changed(before[name].used, self.groups[name].used)}
        self.held_since = {name: since for name, since in self.held_since.items() if name in kept}
        self.failures = {name: why for name, why in self.failures.items() if name in kept}
        earlier = {robot.login for group in self.groups.values() for robot in group.earlier}
        self.in_use = {login: pull for login, pull in self.in_use.items() if login in earlier}
        self.errors.clear()

    def needs_work(self, namespace: ObservedNamespace, now: datetime) -> bool:
        """Whether the robots of a namespace differ from what they must be, rotations aside."""
        policy, group = self.declared.policy, self.groups.get(namespace.name)
        desired = plan_namespace_robot(policy, namespace)
        if desired is None:
            return False
        if group is None or namespace.name in self.possibly_changed or corrections(desired, group):
            return True
        since = self.held_since.get(namespace.name)
        ends = (
            plan_namespace_retirement(policy.rotation, robot, since, self.in_use.get(robot.login), now)
            for robot in group.earlier
        )
        return any(end in {Retirement.DISABLE, Retirement.DELETE} for end in ends)

    def facts(self) -> NamespaceRobotFacts:
        """Returns what the status says about the robots."""
        facts = describe_robots(self.declared.policy, self.groups)
        return replace(facts, failures=dict(self.failures), in_use=tuple(sorted(self.in_use.items())))


def _is_changed(before: ObservedRobot, now: ObservedRobot) -> bool:
    """Whether another client has changed the robot, possibly its secret."""
    return None not in {before.updated_at, now.updated_at} and before.updated_at != now.updated_at
