"""One robot of a project: created, corrected, and its login replaced without a failed one.

plan/robot_rotation.py describes the steps of a rotation. What distributes the login here is the write of one Secret.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import SecretStr

from harbor_operator.api.project_robots import ProjectRobot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.project_robots import (
    check_robot_owner,
    replaced_robot_used,
    robot_login_rejected,
    robot_rotation_failed,
)
from harbor_operator.checks.pull_secrets import weak_secret
from harbor_operator.model.harbor import DesiredRobot, HarborEndpoint, Login, ObservedRobot
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.model.project_robots import RobotKey, RobotState
from harbor_operator.model.robots import Candidate, Replaced, Retirement, RobotCredential
from harbor_operator.plan import names
from harbor_operator.plan.project_robots import (
    named_generations,
    plan_login_secret,
    plan_project_robot,
    secret_place,
    state_labels,
    write_state,
)
from harbor_operator.plan.pull_secrets import is_strong
from harbor_operator.plan.robot_rotation import accept, choose_candidate, is_due, is_revoked, plan_retirement
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.login_secrets import LoginSecrets
from harbor_operator.steps.outcomes import BlockedError, raise_if_blocked

LOG = logging.getLogger(__name__)


@dataclass
class RobotPass:
    """What one pass knows and does about one robot; `listed` are the robots of its project in Harbor."""

    registry: HarborRegistry
    admin: HarborEndpoint
    project: str
    robot: ProjectRobot
    listed: list[ObservedRobot]
    state: RobotState
    used: ObservedRobot | None = None
    changes: list[str] = field(default_factory=list)
    warnings: list[StatusWarning] = field(default_factory=list)

    @property
    def key(self) -> RobotKey:
        """Project and name."""
        return self.project, self.robot.name

    @property
    def credential(self) -> RobotCredential:
        """The passwords of the robot."""
        return self.state.credential

    def desired(self, generation: int) -> DesiredRobot:
        """Returns the robot of a generation."""
        return plan_project_robot(self.registry, self.project, self.robot, generation)

    def named(self) -> Mapping[int, ObservedRobot]:
        """Returns the robots of this name, also those of other clients, by generation."""
        return named_generations(self.project, self.robot.name, self.listed)

    def own(self) -> Mapping[int, ObservedRobot]:
        """Returns those of them that were created for this entry of the spec."""
        description = self.desired(1).description
        return {number: robot for number, robot in self.named().items() if robot.description == description}


class ProjectRobotAccount:
    """Keeps the robot in Harbor, its stored passwords, and the Secret with its login."""

    def __init__(
        self,
        kube: NamespaceResources,
        ports: HarborPorts,
        secrets: LoginSecrets,
        make_password: Callable[[], SecretStr],
        clock: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        self._harbor = ports.harbor
        self._probe = ports.probe
        self._secrets = secrets
        self._make_password = make_password
        self._clock = clock

    async def ensure(self, work: RobotPass) -> None:
        """Continues where the last pass ended. A rotation that fails leaves the login in use, with a warning."""
        stored = await self._secrets.read(work.registry, work.key, work.robot)
        _require_strength(work)
        used = work.own().get(work.credential.generation)
        if work.credential.candidate is None and self._is_due(work, used):
            # Stored before Harbor gets it: a crash leaves a password without a robot, never a robot with a lost one.
            taken = work.own() if work.credential.login is None else work.named()
            chosen = choose_candidate(work.registry, work.credential, taken, self._make_password())
            await self._store(work, replace(work.state, credential=chosen))
        if work.credential.candidate is not None:
            await self._try_rotation(work, work.credential.candidate)
        if work.credential.login is None:
            raise ValueError("a robot has a login or a candidate, as `is_due` ensures")
        await self._keep(work, work.credential.login)
        await self._hand_over(work, stored)
        await self._retire(work)
        await self._leave_earlier_place(work)

    async def forget(self, registry: HarborRegistry, key: RobotKey, state: RobotState) -> list[str]:
        """Deletes the Secrets of a robot that is gone, first the one with its login; returns what was changed."""
        changes = await self._secrets.remove(registry, key, state.place) if state.place else []
        await self._kube.remove_secret(
            registry.metadata.namespace, names.project_robot_secret(registry, *key), state_labels(registry)
        )
        return changes

    def _is_due(self, work: RobotPass, used: ObservedRobot | None) -> bool:
        return is_due(work.registry, work.robot, work.credential, used, self._clock())

    async def _try_rotation(self, work: RobotPass, candidate: Candidate) -> None:
        before = work.credential
        try:
            await self._rotate(work, candidate)
        except Refused as refused:
            if before.login is None or is_revoked(work.registry, before):
                raise
            work.warnings.append(robot_rotation_failed(work.key, str(refused)))

    async def _rotate(self, work: RobotPass, candidate: Candidate) -> None:
        """Makes the candidate the login in use, once Harbor accepts it; a revoked login has failed by then."""
        revokes = is_revoked(work.registry, work.credential)
        found, login = await self._ensure_login(work, candidate.generation, candidate.password)
        earlier = [robot for number, robot in work.own().items() if number < candidate.generation]
        if revokes:
            for robot in earlier:
                await self._remove(work, robot)
        is_first = work.credential.login is None
        retires = bool(earlier) and not revokes
        accepted = accept(work.registry, work.credential, login, retires=retires, now=self._clock())
        await self._store(work, replace(work.state, credential=replace(accepted, expires_at=found.expires_at)))
        LOG.info("robot '%s' is in use for %s", login.username, work.registry.key)
        if not is_first:
            work.changes.append(f"replaced the login of robot '{login.username}'")

    async def _keep(self, work: RobotPass, used: Login) -> None:
        credential = work.credential
        work.used, login = await self._ensure_login(work, credential.generation, used.password)
        # Another prefix in Harbor's settings is another login.
        kept = replace(credential, login=login, expires_at=work.used.expires_at)
        if kept != credential:
            await self._store(work, replace(work.state, credential=kept))

    async def _hand_over(self, work: RobotPass, stored: StoredSecret | None) -> None:
        """Writes the login into its Secret."""
        if work.credential.login is None:
            return
        desired = plan_login_secret(work.registry, work.project, work.robot, work.credential.login)
        if stored is None or (dict(stored.values), stored.type) != (dict(desired.values), desired.type):
            await self._secrets.write(work.registry, work.key, work.robot, desired)
            work.changes.append(f"wrote {desired.place}")
        credential = work.credential
        if credential.retires and credential.distributed_at is None:
            credential = replace(credential, distributed_at=self._clock())
        handed_over = RobotState(credential, work.state.place or desired.place)
        if handed_over != work.state:
            await self._store(work, handed_over)

    async def _leave_earlier_place(self, work: RobotPass) -> None:
        """Removes the Secret that had the login before the spec named another one; last, because it can be refused."""
        place, earlier = secret_place(work.registry, work.robot), work.state.place
        if earlier is None or earlier == place:
            return
        work.changes += await self._secrets.remove(work.registry, work.key, earlier)
        await self._store(work, replace(work.state, place=place))

    async def _retire(self, work: RobotPass) -> None:
        """Disables and later deletes robots of earlier generations that no pipeline uses."""
        credential = work.credential
        if not credential.retires or credential.distributed_at is None:
            return
        earlier = {number: robot for number, robot in work.own().items() if number < credential.generation}
        replaced = Replaced(credential.distributed_at, timedelta(seconds=work.robot.retire_after_seconds))
        for number, robot in earlier.items():
            await self._retire_one(work, number, robot, replaced)
        if not earlier:
            await self._store(
                work, replace(work.state, credential=replace(credential, retires=False, distributed_at=None))
            )

    async def _retire_one(self, work: RobotPass, generation: int, robot: ObservedRobot, replaced: Replaced) -> None:
        now, last_use = self._clock(), None
        planned = plan_retirement(robot, last_use, replaced, now)
        if planned is Retirement.DISABLE:
            last_use = await self._harbor.read_last_use(work.admin, robot.login)
            planned = plan_retirement(robot, last_use, replaced, now)
        match planned:
            case Retirement.DISABLE:
                disabled = replace(work.desired(generation), is_enabled=False).lasting_as(robot)
                await self._harbor.update_robot(work.admin, robot, disabled)
            case Retirement.DELETE:
                await self._remove(work, robot)
            case Retirement.IN_USE:
                work.warnings.append(replaced_robot_used(robot.login, last_use))
            case Retirement.WAIT:
                pass

    async def _remove(self, work: RobotPass, robot: ObservedRobot) -> None:
        await self._harbor.remove_robot(work.admin, robot)
        work.listed.remove(robot)

    async def _ensure_login(self, work: RobotPass, generation: int, password: SecretStr) -> tuple[ObservedRobot, Login]:
        """Returns the robot of a generation and its login once both are as desired; else raises BlockedError."""
        found = await self._ensure_rights(work, generation, password)
        login = Login(found.login, password)
        if not await self._probe.try_login(work.admin.with_login(login)):
            await self._harbor.set_robot_secret(work.admin, found, password)
            work.changes.append(f"set the password of robot '{found.login}'")
            if not await self._probe.try_login(work.admin.with_login(login)):
                raise BlockedError(robot_login_rejected(work.key, found.login))
        return found, login

    async def _ensure_rights(self, work: RobotPass, generation: int, password: SecretStr) -> ObservedRobot:
        desired, found = work.desired(generation), work.named().get(generation)
        if found is None:
            found = await self._harbor.create_robot(work.admin, desired)
            await self._harbor.set_robot_secret(work.admin, found, password)
            work.listed.append(found)
            work.changes.append(f"created robot '{found.login}'")
            return found
        raise_if_blocked(check_robot_owner(work.key, desired, found))
        wanted = desired.lasting_as(found)
        if wanted.is_met_by(found):
            return found
        await self._harbor.update_robot(work.admin, found, wanted)
        work.changes.append(f"set rights and state of robot '{found.login}' as in `spec.projects[].robots`")
        expires_at = found.expires_at if wanted.expires else None
        corrected = replace(found, grants=wanted.grants, is_enabled=True, expires_at=expires_at)
        corrected = replace(corrected, duration_days=wanted.duration_days)
        work.listed[work.listed.index(found)] = corrected
        return corrected

    async def _store(self, work: RobotPass, state: RobotState) -> None:
        name = names.project_robot_secret(work.registry, *work.key)
        values = write_state(work.key, state)
        await self._kube.apply_secret(work.registry.metadata.namespace, name, values, state_labels(work.registry))
        work.state = state


def _require_strength(work: RobotPass) -> None:
    passwords = [given.password for given in (work.credential.login, work.credential.candidate) if given is not None]
    if not all(map(is_strong, passwords)):
        raise BlockedError(weak_secret(names.project_robot_secret(work.registry, *work.key)))
