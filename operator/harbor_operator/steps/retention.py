"""The tag retention of a project."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.api.projects import Project
from harbor_operator.model.projects import ObservedProject
from harbor_operator.plan.project_policies import plan_retention
from harbor_operator.ports.harbor_project_policies import HarborRetention
from harbor_operator.steps.project_policies import ProjectPass, ProjectPolicy


class Retention(ProjectPolicy):
    """Creates the policy of a project, or replaces one that differs; Harbor has one policy for each project."""

    def __init__(self, harbor: HarborRetention) -> None:
        self._harbor = harbor

    @override
    def is_requested(self, project: Project) -> bool:
        return project.retention is not None

    @override
    async def reconcile(self, current: ProjectPass, project: Project, observed: ObservedProject) -> list[str]:
        if project.retention is None:
            return []
        admin = current.admin
        desired = plan_retention(project.retention)
        if not observed.retention:
            await self._harbor.create_retention(admin, observed, desired)
            return [f"created the retention of project '{project.name}'"]
        if desired.is_met_by(await self._harbor.read_retention(admin, observed.retention)):
            return []
        await self._harbor.update_retention(admin, observed, desired)
        return [f"set the retention of project '{project.name}'"]
