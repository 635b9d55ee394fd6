"""The members of a project."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.api.projects import Project
from harbor_operator.model.projects import ObservedProject
from harbor_operator.plan.projects import member_changes
from harbor_operator.ports.harbor_projects import HarborProjects
from harbor_operator.steps.project_policies import ProjectPass, ProjectPolicy


class Members(ProjectPolicy):
    """Adds members and corrects their roles; removes one only if the project removes what it does not list."""

    def __init__(self, harbor: HarborProjects) -> None:
        self._harbor = harbor

    @override
    def is_requested(self, project: Project) -> bool:
        return bool(project.members)

    @override
    async def reconcile(self, current: ProjectPass, project: Project, observed: ObservedProject) -> list[str]:
        admin, name = current.admin, project.name
        groups = await current.ldap_groups() if any(member.ldap_group for member in project.members) else {}
        changes = member_changes(project, await self._harbor.read_members(admin, name), groups)
        for added in changes.add:
            await self._harbor.add_member(admin, name, added)
        for member, role in changes.set_role:
            await self._harbor.set_role(admin, name, member, role)
        for member in changes.remove:
            await self._harbor.remove_member(admin, name, member)
        return [f"set the members of project '{name}'"] if changes else []
