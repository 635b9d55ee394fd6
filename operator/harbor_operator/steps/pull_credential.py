"""The login in the pull Secrets: an existing account, which is checked, or a robot that the operator manages."""

from __future__ import annotations

from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.pull_account import (
    check_account,
    expiry_warnings,
    project_creation_warnings,
    rejected_account,
)
from harbor_operator.checks.pull_secrets import check_push
from harbor_operator.model.harbor import HarborEndpoint, Identity, Login
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.plan.reachability import needs_api
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor import Harbor, RegistryProbe
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps.harbor_access import read_access, read_admin
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from harbor_operator.steps.pull_robot import PullRobot
from harbor_operator.steps.references import read_login
from harbor_operator.steps.stored_credential import StoredCredential

MAX_CHECKED_PROJECTS = 50
FIELD = "spec.pullSecrets.credential.secretRef"


class PullCredential:
    """Turns `spec.pullSecrets.credential` into a login that the registry accepts."""

    def __init__(
        self,
        kube: NamespaceResources,
        probe: RegistryProbe,
        harbor: Harbor,
        robot: PullRobot,
        namespace_robots: PullNamespaceRobots,
    ) -> None:
        self._kube = kube
        self.stored = StoredCredential(kube)
        self._probe = probe
        self._harbor = harbor
        self.robot = robot
        self.namespace_robots = namespace_robots

    async def read_account(self, registry: HarborRegistry, ref: CredentialsRef, *, allow_push: bool) -> Login | Blocked:
        """Returns the login in the Secret, tried against the registry, or why it must not be injected."""
        username, password = await read_login(self._kube, registry, ref, FIELD)
        if blocked := check_account(ref.name, username, Identity.USER):
            return blocked
        account = (await self.read_access(registry)).with_login(Login(username, password))
        if not await self._probe.try_login(account):
            return rejected_account(registry, ref.name, username)
        identity = await self._read_identity(registry, account)
        if identity and (blocked := check_account(ref.name, username, identity)):
            return blocked
        pushable = () if allow_push else await self._read_pushable(registry, account)
        return check_push(ref.name, username, pushable) or Login(username, password)

    async def read_access(self, registry: HarborRegistry) -> HarborEndpoint:
        """Returns the anonymous endpoint of the registry."""
        return await read_access(self._kube, registry)

    async def _read_pushable(self, registry: HarborRegistry, account: HarborEndpoint) -> tuple[str, ...]:
        try:
            visible = [project.name for project in await self._harbor.read_projects(account)]
        except Refused:
            visible = []  # not every account may list projects
        projects = list(dict.fromkeys([*visible, *(project.name for project in registry.spec.projects)]))
        return await self._probe.read_pushable(account, projects[:MAX_CHECKED_PROJECTS])

    async def _read_identity(self, registry: HarborRegistry, account: HarborEndpoint) -> Identity | None:
        """Returns whose login it is; None where Harbor's API is not exposed and a pull does not need it."""
        try:
            return await self._harbor.read_identity(account)
        except Refused as refusal:
            # Another program answers /api/, which a pull does not need. No answer at all is tried again.
            if refusal.reason is not Reason.REGISTRY_NOT_HARBOR or needs_api(registry):
                raise
            return None

    async def read_warnings(self, registry: HarborRegistry) -> tuple[StatusWarning, ...]:
        """Returns what the login permits beyond pulls, and whether it ends soon.

        Returns nothing if the administrator's login cannot be used.
        """
        login = await read_admin(self._kube, registry)
        if login is None:
            return ()
        try:
            admin = (await self.read_access(registry)).with_login(login)
            settings = await self._harbor.read_account_settings(admin)
        except (Unavailable, Refused):
            return ()
        creation = project_creation_warnings(settings.project_creation)
        try:
            return (*creation, *await self._read_expiry(registry, admin, settings.robot_prefix))
        except (Unavailable, Refused):
            return creation

    async def _read_expiry(
        self, registry: HarborRegistry, admin: HarborEndpoint, prefix: str
    ) -> tuple[StatusWarning, ...]:
        """Returns a warning if the given account is a robot that expires soon: only an administrator can see it."""
        section = registry.spec.pull_secrets
        ref = section.credential.secret_ref if section else None
        if ref is None:
            return ()
        username, _ = await read_login(self._kube, registry, ref, FIELD)
        robot = await self._harbor.find_robot(admin, username, prefix)
        return expiry_warnings(ref.name, robot, self.robot.clock())
