"""The login in the pull Secrets: an existing account, which is checked, or a robot that the operator manages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import SecretStr

from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets, Robot
from harbor_operator.checks.configuration import check_admin
from harbor_operator.checks.pull_secrets import (
    check_account,
    check_other_login,
    check_robot,
    is_own_robot,
    project_creation_warnings,
    push_warnings,
    rejected_account,
    rejected_robot,
    weak_secret,
)
from harbor_operator.checks.references import describe_secret
from harbor_operator.model.harbor import DesiredRobot, HarborEndpoint, Identity, Login, ObservedRobot
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.plan import names
from harbor_operator.plan.pull_secrets import is_strong, plan_robot
from harbor_operator.plan.reachability import needs_api
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor import Harbor, RegistryProbe
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps.accepted_login import AcceptedLogin
from harbor_operator.steps.harbor_access import read_access, read_admin, require_admin
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.references import read_login

MAX_CHECKED_PROJECTS = 50
FIELD = "spec.pullSecrets.credential.secretRef"


class PullCredential:
    """Turns `spec.pullSecrets.credential` into a login that the registry accepts."""

    def __init__(
        self, kube: NamespaceResources, probe: RegistryProbe, harbor: Harbor, make_password: Callable[[], SecretStr]
    ) -> None:
        self._kube = kube
        self.accepted = AcceptedLogin(kube)
        self._probe = probe
        self._harbor = harbor
        self._make_password = make_password

    async def read_account(
        self, registry: HarborRegistry, access: HarborEndpoint, ref: CredentialsRef
    ) -> Login | Blocked:
        """Returns the login in the Secret, tried against the registry, or why it must not be injected."""
        username, password = await read_login(self._kube, registry, ref, FIELD)
        if blocked := check_account(ref.name, username, Identity.USER):
            return blocked
        account = access.with_login(Login(username, password))
        if not await self._probe.try_login(account):
            return rejected_account(registry, ref.name, username)
        identity = await self._read_identity(registry, account)
        blocked = check_account(ref.name, username, identity) if identity else None
        return blocked or Login(username, password)

    async def read_access(self, registry: HarborRegistry) -> HarborEndpoint:
        """Returns the anonymous endpoint of the registry."""
        return await read_access(self._kube, registry)

    async def check_push(
        self, registry: HarborRegistry, section: PullSecrets, login: Login
    ) -> tuple[StatusWarning, ...]:
        """Returns a warning if the existing account may push; a robot of the operator never may."""
        given = section.credential.secret_ref
        if given is None:
            return ()
        account = (await self.read_access(registry)).with_login(login)
        try:
            visible = [project.name for project in await self._harbor.read_projects(account)]
        except Refused:
            visible = []  # not every account may list projects
        projects = list(dict.fromkeys([*visible, *(project.name for project in registry.spec.projects)]))
        pushable = await self._probe.read_pushable(account, projects[:MAX_CHECKED_PROJECTS])
        return push_warnings(given.name, login.username, pushable)

    async def read_other_logins(self, registry: HarborRegistry, section: PullSecrets) -> dict[str, Login]:
        """Returns the logins of other registries by host; BlockedError for a Secret that cannot be used.

        They are not tried: only the nodes have to reach those registries.
        """
        logins: dict[str, Login] = {}
        for number, other in enumerate(section.additional_credentials):
            field = f"spec.pullSecrets.additionalCredentials[{number}].secretRef"
            login = Login(*await read_login(self._kube, registry, other.secret_ref, field))
            where = describe_secret(registry.metadata.namespace, other.secret_ref.name)
            raise_if_blocked(check_other_login(where, field, login))
            logins[other.host] = login
        return logins

    async def _read_identity(self, registry: HarborRegistry, account: HarborEndpoint) -> Identity | None:
        """Returns whose login it is; None where Harbor's API is not exposed and a pull does not need it."""
        try:
            return await self._harbor.read_identity(account)
        except Refused as refusal:
            # Another program answers /api/, which a pull does not need. No answer at all is tried again.
            if refusal.reason is not Reason.REGISTRY_NOT_HARBOR or needs_api(registry):
                raise
            return None

    async def read_known(self, registry: HarborRegistry, section: PullSecrets) -> Login | None:
        """Returns the stored login without trying it; for a robot only a login that the registry has accepted."""
        stored = await self._read_stored(registry, section)
        ref = section.credential.secret_ref or CredentialsRef(name=names.robot_secret(registry))
        # The username is stored next to a robot's password only after a login succeeded.
        if stored is None or not set(ref.keys) <= stored.values.keys():
            return None
        return Login(stored.values[ref.username_key].get_secret_value(), stored.values[ref.password_key])

    async def read_changed_at(self, registry: HarborRegistry, section: PullSecrets) -> datetime | None:
        """Returns when the stored login was last written, or None if that is unknown."""
        stored = await self._read_stored(registry, section)
        return stored.changed_at if stored else None

    async def read_warnings(self, registry: HarborRegistry) -> tuple[StatusWarning, ...]:
        """Returns what the login permits beyond pulls; nothing if the administrator's login cannot be used."""
        login = await read_admin(self._kube, registry)
        if login is None:
            return ()
        try:
            admin = (await self.read_access(registry)).with_login(login)
            return project_creation_warnings(await self._harbor.read_project_creation(admin))
        except (Unavailable, Refused):
            return ()

    async def ensure_robot(self, registry: HarborRegistry, access: HarborEndpoint, robot: Robot) -> Login | Blocked:
        """Returns the login of the robot after setting its rights and secret as desired, or why it is blocked."""
        stored = await self._ensure_secret(registry)
        if not is_strong(stored):
            return weak_secret(names.robot_secret(registry))
        admin = access.with_login(await require_admin(self._kube, registry))
        identity = await self._harbor.read_identity(admin)
        if blocked := check_admin(registry, names.admin_secret(registry), identity):
            return blocked
        found = await self._ensure_account(admin, plan_robot(registry, robot), stored)
        if isinstance(found, Blocked):
            return found
        login = Login(found.login, stored)
        if not await self._is_accepted(admin, found, login):
            return rejected_robot(registry, found.login)
        await self._store_login(registry, login)
        return login

    async def remove_robot(self, registry: HarborRegistry) -> None:
        """Deletes the robot if it belongs to this registry, then its Secret; does nothing without that Secret."""
        namespace, secret = registry.metadata.namespace, names.robot_secret(registry)
        if await self._kube.read_secret(namespace, secret) is None:
            return
        desired = plan_robot(registry, Robot())
        access = await read_access(self._kube, registry)
        admin = access.with_login(await require_admin(self._kube, registry))
        robot = await self._find_robot(admin, desired)
        if robot is not None and is_own_robot(desired, robot):
            await self._harbor.remove_robot(admin, robot)
        await self.remove_robot_secret(registry)

    async def remove_robot_secret(self, registry: HarborRegistry) -> None:
        """Deletes the Secret with the login of the robot."""
        namespace, owner = registry.metadata.namespace, names.owner_labels(registry)
        await self._kube.remove_secret(namespace, names.robot_secret(registry), owner)

    async def _read_stored(self, registry: HarborRegistry, section: PullSecrets) -> StoredSecret | None:
        given = section.credential.secret_ref
        name = given.name if given else names.robot_secret(registry)
        return await self._kube.read_secret(registry.metadata.namespace, name)

    async def _ensure_secret(self, registry: HarborRegistry) -> SecretStr:
        # Stored before it is set in Harbor: a crash leaves a secret without a robot, never a robot with a lost secret.
        stored = await self._kube.ensure_secret(
            registry.metadata.namespace,
            names.robot_secret(registry),
            lambda: {"password": self._make_password()},
            names.owner_labels(registry),
        )
        return stored.values["password"]

    async def _ensure_account(
        self, admin: HarborEndpoint, desired: DesiredRobot, secret: SecretStr
    ) -> ObservedRobot | Blocked:
        robot = await self._find_robot(admin, desired)
        if robot is None:
            robot = await self._harbor.create_robot(admin, desired)
            await self._harbor.set_robot_secret(admin, robot, secret)
        elif blocked := check_robot(desired, robot):
            return blocked
        elif not desired.is_met_by(robot):
            await self._harbor.update_robot(admin, robot, desired)
        return robot

    async def _find_robot(self, admin: HarborEndpoint, desired: DesiredRobot) -> ObservedRobot | None:
        """Returns the robot, or the one of an earlier version: Harbor does not rename a robot."""
        if robot := await self._harbor.find_robot(admin, desired.name):
            return robot
        earlier = await self._harbor.find_robot(admin, desired.earlier_name)
        return earlier if earlier is not None and is_own_robot(desired, earlier) else None

    async def _is_accepted(self, admin: HarborEndpoint, robot: ObservedRobot, login: Login) -> bool:
        if await self._probe.try_login(admin.with_login(login)):
            return True
        await self._harbor.set_robot_secret(admin, robot, login.password)
        return await self._probe.try_login(admin.with_login(login))

    async def _store_login(self, registry: HarborRegistry, login: Login) -> None:
        values = {"username": SecretStr(login.username), "password": login.password}
        owner = names.owner_labels(registry)
        await self._kube.apply_secret(registry.metadata.namespace, names.robot_secret(registry), values, owner)
