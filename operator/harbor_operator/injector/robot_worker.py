"""The requests to Harbor for the robots of one namespace: create, correct, replace, retire and delete them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from harbor_operator.checks.namespace_robots import rejected_successor
from harbor_operator.injector.registry_robots import RegistryRobots
from harbor_operator.model.harbor import DesiredRobot, ObservedRobot
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.robots import Retirement, RobotGroup
from harbor_operator.plan.namespace_robots import (
    corrections,
    namespace_login,
    plan_namespace_retirement,
    plan_namespace_robot,
    plan_successor,
)
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Harbor, RegistryProbe
from harbor_operator.reasons import Reason


class RobotWorker:
    """Does for one namespace at a time what `RegistryRobots` says, and records what Harbor has accepted.

    Each call can be repeated after any of its requests.
    """

    def __init__(self, harbor: Harbor, probe: RegistryProbe, now: Callable[[], datetime]) -> None:
        self._harbor = harbor
        self._probe = probe
        self.now = now

    async def ensure(self, known: RegistryRobots, namespace: ObservedNamespace) -> None:
        """Makes the robots of a namespace as they must be; a rotation that Harbor refuses changes nothing in use."""
        name, admin = namespace.name, known.declared.admin
        desired, group = plan_namespace_robot(known.declared.policy, namespace), known.groups.get(name)
        if desired is None:
            return
        if group is None:
            known.prepared.discard(name)
            known.groups[name] = RobotGroup(await self._harbor.create_robot(admin, desired))
        else:
            for robot, wanted in corrections(desired, group):
                await self._update(known, name, robot, wanted)
        if name not in known.prepared or name in known.possibly_changed:
            # The key can be another one: replaced robots must not keep a password that follows from a leaked key.
            for robot in known.groups[name].robots:
                if robot.is_enabled:
                    await self._set_password(known, name, robot)
            known.prepared.add(name)
            known.possibly_changed.discard(name)
        if name in known.due:
            try:
                await self._replace(known, namespace)
                known.failures.pop(name, None)
            except Refused as refused:
                known.failures[name] = str(refused)
            known.due.discard(name)
        for robot in known.groups[name].earlier:
            await self._retire(known, name, robot, desired)

    async def remove(self, known: RegistryRobots, name: str) -> None:
        """Deletes the robots of a namespace."""
        if group := known.groups.get(name):
            for robot in group.robots:
                await self._harbor.remove_robot(known.declared.admin, robot)
            known.groups.pop(name, None)
            known.prepared.discard(name)

    async def _replace(self, known: RegistryRobots, namespace: ObservedNamespace) -> None:
        """Uses another robot once Harbor accepts its login; the present one still works then."""
        name, admin, policy = namespace.name, known.declared.admin, known.declared.policy
        group = known.groups[name]
        successor, desired = group.candidate, plan_successor(policy, namespace, group)
        if desired is None:
            return
        if successor is None:
            successor = await self._harbor.create_robot(admin, desired)
            known.groups[name] = group = replace(group, others=(*group.others, successor))
        successor = await self._set_password(known, name, successor)
        if not await self._probe.try_login(admin.with_login(namespace_login(policy, name, successor))):
            await self._harbor.remove_robot(admin, successor)
            known.groups[name] = group.without(successor)
            raise Refused(Reason.ROBOT_REFUSED, rejected_successor(successor.login))
        known.groups[name] = known.groups[name].using(successor)
        known.held_since.pop(name, None)

    async def _set_password(self, known: RegistryRobots, name: str, robot: ObservedRobot) -> ObservedRobot:
        password = namespace_login(known.declared.policy, name, robot).password
        await self._harbor.set_robot_secret(known.declared.admin, robot, password)
        changed = replace(robot, updated_at=None)
        known.groups[name] = known.groups[name].replacing(changed)
        return changed

    async def _update(self, known: RegistryRobots, name: str, robot: ObservedRobot, wanted: DesiredRobot) -> None:
        await self._harbor.update_robot(known.declared.admin, robot, wanted)
        changed = replace(
            robot,
            grants=wanted.grants,
            duration_days=wanted.duration_days,
            expires_at=robot.expires_at if wanted.expires else None,
            is_enabled=wanted.is_enabled,
            updated_at=None if wanted.is_enabled else self.now(),
        )
        known.groups[name] = known.groups[name].replacing(changed)

    async def _retire(self, known: RegistryRobots, name: str, robot: ObservedRobot, desired: DesiredRobot) -> None:
        admin, rotation = known.declared.admin, known.declared.policy.rotation
        now, since = self.now(), known.held_since.get(name)
        end = plan_namespace_retirement(rotation, robot, since, None, now)
        if end is Retirement.DISABLE:
            last_pull = await self._harbor.read_last_pull(admin, robot.login)
            end = plan_namespace_retirement(rotation, robot, since, last_pull, now)
            if end is Retirement.IN_USE:
                known.in_use[robot.login] = last_pull
            else:
                known.in_use.pop(robot.login, None)
        if end is Retirement.DISABLE:
            await self._update(known, name, robot, replace(desired, is_enabled=False).lasting_as(robot))
        elif end is Retirement.DELETE:
            await self._harbor.remove_robot(admin, robot)
            known.groups[name] = known.groups[name].without(robot)
