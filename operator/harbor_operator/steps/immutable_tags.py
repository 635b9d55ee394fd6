"""The immutable tag rules of a project."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.api.projects import Project
from harbor_operator.model.projects import ObservedProject
from harbor_operator.plan.project_policies import immutable_tag_changes
from harbor_operator.ports.harbor_project_policies import HarborImmutableTags
from harbor_operator.steps.project_policies import ProjectPass, ProjectPolicy


class ImmutableTags(ProjectPolicy):
    """Adds and enables rules; removes one only if the project removes what it does not list."""

    def __init__(self, harbor: HarborImmutableTags) -> None:
        self._harbor = harbor

    @override
    def is_requested(self, project: Project) -> bool:
        return bool(project.immutable_tags)

    @override
    async def reconcile(self, current: ProjectPass, project: Project, observed: ObservedProject) -> list[str]:
        admin = current.admin
        changes = immutable_tag_changes(project, await self._harbor.read_immutable_rules(admin, project.name))
        for selector in changes.add:
            await self._harbor.add_immutable_rule(admin, project.name, selector)
        for rule, selector in changes.enable:
            await self._harbor.enable_immutable_rule(admin, project.name, rule, selector)
        for rule in changes.remove:
            await self._harbor.remove_immutable_rule(admin, project.name, rule)
        return [f"set the immutable tags of project '{project.name}'"] if changes else []
