"""The part of Configured that keeps the projects of the spec."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.configuration import check_projects, check_read_only, read_only_warnings
from harbor_operator.model.harbor import DesiredProject, HarborEndpoint, ObservedQuota, ProjectChanges
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.plan.configuration import plan_projects, project_changes
from harbor_operator.ports.harbor import Harbor
from harbor_operator.reasons import Reason
from harbor_operator.steps.outcomes import BlockedError

PlannedWrite = tuple[DesiredProject, ProjectChanges, ObservedQuota | None]


class ProjectSection:
    """Creates projects and corrects their visibility and quota; never deletes one."""

    def __init__(self, harbor: Harbor) -> None:
        self._harbor = harbor

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec names a project."""
        return bool(registry.spec.projects)

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Compares each project with the spec and writes the difference."""
        if blocked := check_projects(registry):
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
