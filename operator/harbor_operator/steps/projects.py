"""The part of Configured that keeps the projects of the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harbor_operator.api.projects import Project
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.configuration import check_projects, check_read_only, read_only_warnings
from harbor_operator.checks.projects import check_mirror, check_quota
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.projects import (
    DesiredProject,
    MemberChanges,
    ObservedProject,
    ObservedQuota,
    ObservedRegistry,
    ProjectChanges,
)
from harbor_operator.plan.projects import member_changes, plan_project, project_changes
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.harbor_projects import HarborProjects, HarborRegistries
from harbor_operator.steps.outcomes import raise_if_blocked


@dataclass(frozen=True, slots=True)
class _Observed:
    """What Harbor has: projects by name, quotas by project, registries by name, and LDAP groups by DN."""

    projects: Mapping[str, ObservedProject]
    quotas: Mapping[int, ObservedQuota]
    registries: Mapping[str, ObservedRegistry]
    ldap_groups: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The changes of one project and its members, with what they are based on; a new project has its members later."""

    project: Project
    desired: DesiredProject
    changes: ProjectChanges
    quota: ObservedQuota | None
    members: MemberChanges

    def __bool__(self) -> bool:
        """Whether any write is needed."""
        return bool(self.changes or self.members)


class ProjectSection:
    """Creates projects and corrects them; never deletes one.

    The lists of projects and quotas are read as a whole, members only for the projects that list some.
    """

    def __init__(self, harbor: Harbor, projects: HarborProjects, registries: HarborRegistries) -> None:
        self._harbor = harbor
        self._projects = projects
        self._registries = registries

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec names a project."""
        return bool(registry.spec.projects)

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Compares each project with the spec and writes the difference; one that is refused stops no other."""
        if blocked := check_projects(registry):
            return blocked
        system = await self._harbor.read_system(admin)
        projects = registry.spec.projects
        observed = await self._observe(admin, projects)
        plans: list[_Plan] = []
        refused: list[Refused] = []
        for project in projects:
            try:
                plans.append(await self._plan(admin, project, observed))
            except Refused as error:
                refused.append(error)
        work = [plan for plan in plans if plan]
        if blocked := check_read_only(system, len(work)):
            return blocked
        changes: list[str] = []
        for plan in work:
            try:
                changes += await self._write(admin, plan, observed.ldap_groups)
            except Refused as error:
                refused.append(error)
        if refused:
            return Blocked(refused[0].reason, "; ".join(map(str, refused)), changes=tuple(changes))
        message = f"{len(projects)} {'project is' if len(projects) == 1 else 'projects are'} as the spec says"
        return Done(message, warnings=read_only_warnings(system), changes=tuple(changes))

    async def _observe(self, admin: HarborEndpoint, projects: Sequence[Project]) -> _Observed:
        found = await self._projects.find_projects(admin, {project.name for project in projects})
        quotas = await self._projects.find_quotas(admin, found.values())
        mirrors = any(project.proxy_cache for project in projects)
        groups = any(member.ldap_group for project in projects for member in project.members)
        return _Observed(
            found,
            quotas,
            await self._registries.read_registries(admin) if mirrors else {},
            await self._projects.read_ldap_groups(admin) if groups else {},
        )

    async def _plan(self, admin: HarborEndpoint, project: Project, observed: _Observed) -> _Plan:
        current = observed.projects.get(project.name)
        raise_if_blocked(check_mirror(project, observed.registries, current))
        quota = observed.quotas.get(current.number) if current else None
        registry = observed.registries[project.proxy_cache].number if project.proxy_cache else 0
        desired = plan_project(project, registry)
        changes = project_changes(desired, current, quota)
        raise_if_blocked(check_quota(project, changes, quota))
        members = await self._members(admin, project, observed.ldap_groups) if current else MemberChanges()
        return _Plan(project, desired, changes, quota, members)

    async def _members(self, admin: HarborEndpoint, project: Project, ldap_groups: Mapping[str, int]) -> MemberChanges:
        """Returns which members of a project that exists must change."""
        if not project.members:
            return MemberChanges()
        return member_changes(project, await self._projects.read_members(admin, project.name), ldap_groups)

    async def _write(self, admin: HarborEndpoint, plan: _Plan, ldap_groups: Mapping[str, int]) -> list[str]:
        """Returns what was changed."""
        name, members, said = plan.desired.name, plan.members, []
        if plan.changes.create:
            await self._projects.create_project(admin, plan.desired)
            # Harbor makes the administrator a member, which the spec may list as well.
            members = await self._members(admin, plan.project, ldap_groups)
            said.append(f"created project '{name}'")
        if plan.changes.update:
            await self._projects.update_project(admin, plan.desired)
            said.append(f"set project '{name}' as in `spec.projects`")
        if plan.changes.set_quota and plan.quota:
            await self._projects.set_quota(admin, plan.quota, plan.desired.storage_limit)
            said.append(f"set the quota of project '{name}'")
        for added in members.add:
            await self._projects.add_member(admin, name, added)
        for member, role in members.set_role:
            await self._projects.set_role(admin, name, member, role)
        for member in members.remove:
            await self._projects.remove_member(admin, name, member)
        return [*said, f"set the members of project '{name}'"] if members else said
