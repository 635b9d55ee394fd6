"""The robot account whose login is in the pull Secrets: created, rotated and removed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import SecretStr

from harbor_operator.api.robot import Robot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.configuration import check_admin
from harbor_operator.checks.pull_secrets import (
    check_robot,
    rejected_robot,
    robot_still_used,
    rotation_failed,
    weak_secret,
)
from harbor_operator.model.harbor import DesiredRobot, HarborEndpoint, Login, ObservedRobot
from harbor_operator.model.outcomes import Blocked, PullSecretFacts, StatusWarning
from harbor_operator.model.robots import Candidate, Replaced, Retirement, RobotCredential
from harbor_operator.plan import names
from harbor_operator.plan.pull_secrets import is_strong, plan_robot
from harbor_operator.plan.robot_rotation import (
    accept,
    choose_candidate,
    generations,
    is_distributed,
    is_due,
    is_revoked,
    plan_retirement,
    read_credential,
    write_credential,
)
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Harbor, RegistryProbe
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.harbor_access import read_access, require_admin
from harbor_operator.steps.outcomes import BlockedError, raise_if_blocked
from harbor_operator.steps.pull_proof import PullProof

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one pass works with; `robots` are those of the registry in Harbor, by generation."""

    registry: HarborRegistry
    robot: Robot
    admin: HarborEndpoint
    robots: Mapping[int, ObservedRobot]

    def desired(self, generation: int) -> DesiredRobot:
        return plan_robot(self.registry, self.robot, generation)


class PullRobot:
    """Keeps one robot in use, and replaces it by one of the next generation without a failed pull.

    plan/robot_rotation.py describes the steps of a rotation. Each call continues where the last one ended.
    """

    def __init__(
        self,
        kube: NamespaceResources,
        probe: RegistryProbe,
        harbor: Harbor,
        make_password: Callable[[], SecretStr],
        clock: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        self._probe = probe
        self._harbor = harbor
        self._proof = PullProof(probe, harbor)
        self._make_password = make_password
        self.clock = clock
        self._failures: dict[str, str] = {}

    async def ensure(self, registry: HarborRegistry, robot: Robot) -> Login:
        """Returns the login in use, after a rotation that is due; BlockedError if there is none.

        A rotation that fails leaves the login in use, and `warnings` says why. A revocation that fails is an error.
        """
        uid, credential = registry.metadata.uid, await self._read(registry)
        raise_if_blocked(_check_strength(registry, credential))
        work = await self._begin(registry, robot)
        used = work.robots.get(credential.generation)
        if credential.candidate is None and is_due(registry, robot, credential, used, self.clock()):
            # Stored before Harbor gets it: a crash leaves a password without a robot, never a robot with a lost one.
            credential = choose_candidate(registry, credential, work.robots, self._make_password())
            await self._store(registry, credential)
        if credential.candidate is not None:
            try:
                login = await self._rotate(work, credential, credential.candidate)
            except Refused as refused:
                if credential.login is None or is_revoked(registry, credential):
                    raise
                self._failures[uid] = str(refused)
            else:
                self._failures.pop(uid, None)
                return login
        if credential.login is None:
            raise ValueError("a credential has a login or a candidate, as `is_due` ensures")
        return await self._keep(work, credential, credential.login)

    async def retire(
        self, registry: HarborRegistry, robot: Robot, progress: PullSecretFacts
    ) -> tuple[StatusWarning, ...]:
        """Disables and later deletes robots of earlier generations that no namespace needs; warns of one in use."""
        credential = await self._read(registry)
        if not credential.retires:
            return ()
        if credential.distributed_at is None:
            if is_distributed(progress):
                await self._store(registry, replace(credential, distributed_at=self.clock()))
            return ()
        work = await self._begin(registry, robot, every_generation=True)
        earlier = [number for number in work.robots if number < credential.generation]
        if not earlier:
            await self._store(registry, replace(credential, retires=False, distributed_at=None))
        replaced = Replaced(credential.distributed_at, robot.retire_after)
        return tuple([warning for number in earlier for warning in await self._retire_one(work, number, replaced)])

    def warnings(self, registry: HarborRegistry) -> tuple[StatusWarning, ...]:
        """Returns why the last rotation failed, if it did."""
        failure = self._failures.get(registry.metadata.uid)
        return (rotation_failed(failure),) if failure else ()

    async def is_revoked(self, registry: HarborRegistry) -> bool:
        """Whether the login in use must be replaced at once."""
        return is_revoked(registry, await self._read(registry))

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the robots that belong to this registry, then their Secret; does nothing without that Secret."""
        self._failures.pop(registry.metadata.uid, None)
        if await self._kube.read_secret(registry.metadata.namespace, names.robot_secret(registry)) is None:
            return
        access = await read_access(self._kube, registry)
        admin = access.with_login(await require_admin(self._kube, registry))
        for robot in (await self._read_robots(registry, admin, every_generation=True)).values():
            await self._harbor.remove_robot(admin, robot)
        await self.remove_secret(registry)

    async def remove_secret(self, registry: HarborRegistry) -> None:
        """Deletes the Secret with the login of the robot."""
        namespace, owner = registry.metadata.namespace, names.owner_labels(registry)
        await self._kube.remove_secret(namespace, names.robot_secret(registry), owner)

    async def _rotate(self, work: _Pass, credential: RobotCredential, candidate: Candidate) -> Login:
        """Returns the login of the candidate once it works; a revoked login has failed by then."""
        revokes = is_revoked(work.registry, credential)
        found, login = await self._ensure_login(work, candidate.generation, candidate.password)
        if credential.login is not None and not revokes:
            await self._prove(work, login)
        earlier = [robot for number, robot in work.robots.items() if number < candidate.generation]
        if revokes:
            for robot in earlier:
                await self._harbor.remove_robot(work.admin, robot)
        retires = bool(earlier) and not revokes
        accepted = accept(work.registry, credential, login, retires=retires, now=self.clock())
        await self._store(work.registry, replace(accepted, expires_at=found.expires_at))
        LOG.info("robot '%s' is in use for %s", login.username, work.registry.key)
        return login

    async def _keep(self, work: _Pass, credential: RobotCredential, used: Login) -> Login:
        found, login = await self._ensure_login(work, credential.generation, used.password)
        # Another prefix in Harbor's settings is another login.
        await self._store(work.registry, replace(credential, login=login, expires_at=found.expires_at))
        return login

    async def _ensure_login(self, work: _Pass, generation: int, password: SecretStr) -> tuple[ObservedRobot, Login]:
        """Returns the robot of a generation with its rights and its login as desired; BlockedError otherwise."""
        found = await self._ensure_account(work, generation, password)
        login = Login(found.login, password)
        if not await self._probe.try_login(work.admin.with_login(login)):
            await self._harbor.set_robot_secret(work.admin, found, password)
            if not await self._probe.try_login(work.admin.with_login(login)):
                raise BlockedError(rejected_robot(work.registry, found.login))
        return found, login

    async def _ensure_account(self, work: _Pass, generation: int, password: SecretStr) -> ObservedRobot:
        desired, found = work.desired(generation), work.robots.get(generation)
        if found is None:
            for other in await self._harbor.read_robots(work.admin, desired.name):
                if other.login.endswith(desired.name):
                    raise_if_blocked(check_robot(desired, other))
            created = await self._harbor.create_robot(work.admin, desired)
            await self._harbor.set_robot_secret(work.admin, created, password)
            return created
        wanted = desired.lasting_as(found)
        if wanted.is_met_by(found):
            return found
        await self._harbor.update_robot(work.admin, found, wanted)
        return replace(found, expires_at=found.expires_at if wanted.expires else None)

    async def _prove(self, work: _Pass, login: Login) -> None:
        """Raises BlockedError unless the login pulls as a container runtime does."""
        failure = await self._proof.check(work.registry, work.admin.with_login(login), work.admin)
        if failure is not None:
            raise BlockedError(Blocked(failure.reason, failure.message))

    async def _retire_one(self, work: _Pass, generation: int, replaced: Replaced) -> tuple[StatusWarning, ...]:
        found = work.robots[generation]
        last_pull = await self._harbor.read_last_pull(work.admin, found.login) if found.is_enabled else None
        match plan_retirement(found, last_pull, replaced, self.clock()):
            case Retirement.DISABLE:
                disabled = replace(work.desired(generation), is_enabled=False).lasting_as(found)
                await self._harbor.update_robot(work.admin, found, disabled)
            case Retirement.DELETE:
                await self._harbor.remove_robot(work.admin, found)
            case Retirement.IN_USE:
                return (robot_still_used(found.login, last_pull),)
            case Retirement.WAIT:
                pass
        return ()

    async def _begin(self, registry: HarborRegistry, robot: Robot, *, every_generation: bool = False) -> _Pass:
        access = await read_access(self._kube, registry)
        admin = access.with_login(await require_admin(self._kube, registry))
        identity = await self._harbor.read_identity(admin)
        raise_if_blocked(check_admin(registry, names.admin_secret(registry), identity))
        robots = await self._read_robots(registry, admin, every_generation=every_generation)
        return _Pass(registry, robot, admin, robots)

    async def _read_robots(
        self, registry: HarborRegistry, admin: HarborEndpoint, *, every_generation: bool
    ) -> dict[int, ObservedRobot]:
        """Returns the robots of the registry; Harbor does not rename one, so the first can have its earlier name."""
        desired = plan_robot(registry, Robot())
        listed = await self._harbor.read_robots(admin, names.cluster_digest(registry))
        found = generations(registry, desired, listed)
        if 1 in found or (found and not every_generation):
            return found
        return found | generations(registry, desired, await self._harbor.read_robots(admin, desired.earlier_name))

    async def _read(self, registry: HarborRegistry) -> RobotCredential:
        stored = await self._kube.read_secret(registry.metadata.namespace, names.robot_secret(registry))
        return read_credential(stored)

    async def _store(self, registry: HarborRegistry, credential: RobotCredential) -> None:
        values, owner = write_credential(credential), names.owner_labels(registry)
        await self._kube.apply_secret(registry.metadata.namespace, names.robot_secret(registry), values, owner)


def _check_strength(registry: HarborRegistry, credential: RobotCredential) -> Blocked | None:
    passwords = [given.password for given in (credential.login, credential.candidate) if given is not None]
    return None if all(map(is_strong, passwords)) else weak_secret(names.robot_secret(registry))
