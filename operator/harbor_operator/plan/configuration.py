"""The projects that must exist, and the least that has to be written to get there."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import UNLIMITED, DesiredProject, ObservedProject, ObservedQuota, ProjectChanges

GIB = 1 << 30


def plan_projects(registry: HarborRegistry) -> tuple[DesiredProject, ...]:
    """The wished projects, in the order of the spec."""
    return tuple(
        DesiredProject(project.name, project.public, project.quota_gib * GIB if project.quota_gib else UNLIMITED)
        for project in registry.spec.projects
    )


def project_changes(
    desired: DesiredProject, project: ObservedProject | None, quota: ObservedQuota | None
) -> ProjectChanges:
    """What separates the project from the wish; a Harbor that keeps no quota counts as unlimited."""
    if project is None:
        return ProjectChanges(create=True)
    limit = quota.storage_limit if quota else UNLIMITED
    return ProjectChanges(set_public=project.public != desired.public, set_quota=limit != desired.storage_limit)
