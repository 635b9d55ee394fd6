"""The desired projects of Harbor, and the smallest set of changes that creates them."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import UNLIMITED, DesiredProject, ObservedProject, ObservedQuota, ProjectChanges

GIB = 1 << 30


def plan_projects(registry: HarborRegistry) -> tuple[DesiredProject, ...]:
    """Returns the desired projects, in the order of the spec."""
    return tuple(
        DesiredProject(project.name, project.public, project.quota_gib * GIB if project.quota_gib else UNLIMITED)
        for project in registry.spec.projects
    )


def project_changes(
    desired: DesiredProject, project: ObservedProject | None, quota: ObservedQuota | None
) -> ProjectChanges:
    """Returns what to change in a project; without a quota in Harbor, its storage is unlimited."""
    if project is None:
        return ProjectChanges(create=True)
    limit = quota.storage_limit if quota else UNLIMITED
    return ProjectChanges(set_public=project.public != desired.public, set_quota=limit != desired.storage_limit)
