"""Configured: the projects of the spec exist in Harbor as the spec describes them."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.diagnosis.configuration import (
    admin_obstacle,
    projects_obstacle,
    read_only_cautions,
    read_only_obstacle,
)
from harbor_operator.outcomes import NOT_REQUESTED, Aspect, Done, Outcome
from harbor_operator.plan import names
from harbor_operator.plan.configuration import Difference, ProjectWish, SeenQuota, difference, plan_projects
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Access, Harbor
from harbor_operator.ports.kube import Kube
from harbor_operator.reasons import Reason
from harbor_operator.steps.harbor_access import read_access, require_admin

Work = tuple[ProjectWish, Difference, SeenQuota | None]


class ConfigurationStep:
    """Makes projects and corrects their visibility and quota; never deletes one."""

    aspect = Aspect.CONFIGURATION
    needs = (Aspect.REACHABILITY,)

    def __init__(self, kube: Kube, harbor: Harbor) -> None:
        self._kube = kube
        self._harbor = harbor

    async def converge(self, registry: HarborRegistry) -> Outcome:
        """Looks at each project and writes what differs."""
        if not registry.spec.projects:
            return NOT_REQUESTED
        if obstacle := projects_obstacle(registry):
            return obstacle
        access = await read_access(self._kube, registry)
        admin = access.by(await require_admin(self._kube, registry))
        identity = await self._harbor.read_identity(admin)
        if obstacle := admin_obstacle(registry, names.admin_secret(registry), identity):
            return obstacle
        system = await self._harbor.read_system(admin)
        work = [todo for wish in plan_projects(registry) if (todo := await self._compare(admin, wish))[1]]
        if obstacle := read_only_obstacle(system, len(work)):
            return obstacle
        for wish, change, quota in work:
            await self._write(admin, wish, change, quota)
        count = len(registry.spec.projects)
        message = f"{count} {'project is' if count == 1 else 'projects are'} as the spec says"
        return Done(message, cautions=read_only_cautions(system))

    async def dismantle(self, registry: HarborRegistry) -> Outcome:
        """Leaves everything: a project holds images, and is deleted by people only."""
        return Done(f"{len(registry.spec.projects)} projects are kept")

    async def _compare(self, admin: Access, wish: ProjectWish) -> Work:
        project = await self._harbor.read_project(admin, wish.name)
        quota = await self._harbor.read_quota(admin, project) if project else None
        return wish, difference(wish, project, quota), quota

    async def _write(self, admin: Access, wish: ProjectWish, change: Difference, quota: SeenQuota | None) -> None:
        if change.create:
            await self._harbor.create_project(admin, wish)
        if change.set_public:
            await self._harbor.set_public(admin, wish)
        if not change.set_quota:
            return
        if quota is None:
            message = (
                f"Harbor keeps no quota for project '{wish.name}': take `quotaGiB` away, or switch quotas on in Harbor"
            )
            raise Refused(Reason.PROJECT_REFUSED, message)
        await self._harbor.set_quota(admin, quota, wish.storage_limit)
