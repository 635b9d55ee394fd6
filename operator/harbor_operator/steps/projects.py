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
    ObservedProject,
    ObservedQuota,
    ObservedRegistry,
    ProjectChanges,
)
from harbor_operator.plan.projects import plan_project, project_changes
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.harbor_projects import HarborProjects, HarborRegistries
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.project_policies import ProjectPolicies


@dataclass(frozen=True, slots=True)
class _Observed:
    """What Harbor has: projects by name, quotas by project, and registries by name."""

    projects: Mapping[str, ObservedProject]
    quotas: Mapping[int, ObservedQuota]
    registries: Mapping[str, ObservedRegistry]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The changes of one project, with what they are based on."""

    desired: DesiredProject
    changes: ProjectChanges
    quota: ObservedQuota | None


class ProjectSection:
    """Creates projects and corrects them; never deletes one.

    The lists of projects and quotas are read as a whole, once; a project that was created costs another list.
    """

    def __init__(
        self, harbor: Harbor, projects: HarborProjects, registries: HarborRegistries, policies: ProjectPolicies
    ) -> None:
        self._harbor = harbor
        self._projects = projects
        self._registries = registries
        self._policies = policies

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
                plans.append(_plan(project, observed))
            except Refused as error:
                refused.append(error)
        work = [plan for plan in plans if plan.changes]
        if blocked := check_read_only(system, len(work)):
            return blocked
        changes: list[str] = []
        for plan in work:
            try:
                changes += await self._write(admin, plan)
            except Refused as error:
                refused.append(error)
        # A project that Harbor does not have was refused.
        existing = observed.projects
        if any(plan.changes.create for plan in work):
            existing = await self._projects.find_projects(admin, {project.name for project in projects})
        policies = await self._policies.reconcile(registry, admin, existing)
        changes += policies.changes
        refused += policies.refused
        if refused:
            message = "; ".join(dict.fromkeys(map(str, refused)))
            return Blocked(refused[0].reason, message, changes=tuple(changes))
        message = f"{len(projects)} {'project is' if len(projects) == 1 else 'projects are'} as the spec says"
        return Done(message, warnings=read_only_warnings(registry, system), changes=tuple(changes))

    async def remove(self, registry: HarborRegistry) -> None:
        """Forgets what was verified of the policies."""
        self._policies.forget(registry)

    async def _observe(self, admin: HarborEndpoint, projects: Sequence[Project]) -> _Observed:
        found = await self._projects.find_projects(admin, {project.name for project in projects})
        quotas = await self._projects.find_quotas(admin, found.values())
        mirrors = any(project.proxy_cache for project in projects)
        return _Observed(found, quotas, await self._registries.read_registries(admin) if mirrors else {})

    async def _write(self, admin: HarborEndpoint, plan: _Plan) -> list[str]:
        """Returns what was changed."""
        name, said = plan.desired.name, []
        if plan.changes.create:
            await self._projects.create_project(admin, plan.desired)
            said.append(f"created project '{name}'")
        if plan.changes.update:
            await self._projects.update_project(admin, plan.desired)
            said.append(f"set project '{name}' as in `spec.projects`")
        if plan.changes.set_quota and plan.quota:
            await self._projects.set_quota(admin, plan.quota, plan.desired.storage_limit)
            said.append(f"set the quota of project '{name}'")
        return said


def _plan(project: Project, observed: _Observed) -> _Plan:
    """Returns the changes of a project; raises BlockedError if the spec contradicts Harbor."""
    current = observed.projects.get(project.name)
    raise_if_blocked(check_mirror(project, observed.registries, current))
    quota = observed.quotas.get(current.number) if current else None
    registry = observed.registries[project.proxy_cache].number if project.proxy_cache else 0
    desired = plan_project(project, registry)
    changes = project_changes(desired, current, quota)
    raise_if_blocked(check_quota(project, changes, quota))
    return _Plan(desired, changes, quota)
