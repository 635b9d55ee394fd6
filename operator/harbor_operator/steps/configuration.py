"""Configured: the projects of the spec exist in Harbor as the spec describes them."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.configuration import check_admin, check_projects, check_read_only, read_only_warnings
from harbor_operator.model.harbor import DesiredProject, HarborEndpoint, ObservedQuota, ProjectChanges
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Outcome
from harbor_operator.plan import names
from harbor_operator.plan.configuration import plan_projects, project_changes
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps.harbor_access import read_access, require_admin
from harbor_operator.steps.outcomes import BlockedError

PlannedWrite = tuple[DesiredProject, ProjectChanges, ObservedQuota | None]


class ConfigurationStep:
    """Creates projects and corrects their visibility and quota; never deletes one."""

    condition_type = ConditionType.CONFIGURATION
    depends_on = (ConditionType.REACHABILITY,)

    def __init__(self, kube: NamespaceResources, harbor: Harbor) -> None:
        self._kube = kube
        self._harbor = harbor

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Compares each project with the spec and writes the difference."""
        if not registry.spec.projects:
            return NOT_REQUESTED
        if blocked := check_projects(registry):
            return blocked
        access = await read_access(self._kube, registry)
        admin = access.with_login(await require_admin(self._kube, registry))
        identity = await self._harbor.read_identity(admin)
        if blocked := check_admin(registry, names.admin_secret(registry), identity):
            return blocked
        system = await self._harbor.read_system(admin)
        work = [planned for desired in plan_projects(registry) if (planned := await self._compare(admin, desired))[1]]
        if blocked := check_read_only(system, len(work)):
            return blocked
        for desired, changes, quota in work:
            await self._write(admin, desired, changes, quota)
        count = len(registry.spec.projects)
        message = f"{count} {'project is' if count == 1 else 'projects are'} as the spec says"
        return Done(message, warnings=read_only_warnings(system))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Retains every project: it holds images, and the operator never deletes those."""
        return Done(f"{len(registry.spec.projects)} projects are retained")

    async def _compare(self, admin: HarborEndpoint, desired: DesiredProject) -> PlannedWrite:
        project = await self._harbor.read_project(admin, desired.name)
        quota = await self._harbor.read_quota(admin, project) if project else None
        return desired, project_changes(desired, project, quota), quota

    async def _write(
        self, admin: HarborEndpoint, desired: DesiredProject, changes: ProjectChanges, quota: ObservedQuota | None
    ) -> None:
        if changes.create:
            await self._harbor.create_project(admin, desired)
        if changes.set_public:
            await self._harbor.set_public(admin, desired)
        if not changes.set_quota:
            return
        if quota is None:
            message = (
                f"Harbor has no quota for project '{desired.name}': remove `quotaGiB` from `spec.projects`, or enable "
                "quotas in Harbor"
            )
            raise BlockedError(Blocked(Reason.PROJECT_REFUSED, message))
        await self._harbor.set_quota(admin, quota, desired.storage_limit)
