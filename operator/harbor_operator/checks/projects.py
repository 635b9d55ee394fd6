"""Checks of projects and registries before a write to Harbor."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.projects import Project, Registry
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.projects import ObservedProject, ObservedQuota, ObservedRegistry, ProjectChanges
from harbor_operator.reasons import Reason


def check_mirror(
    project: Project, registries: Mapping[str, ObservedRegistry], observed: ObservedProject | None
) -> Blocked | None:
    """Returns that the project cannot mirror the registry that the spec names, or None."""
    name = project.proxy_cache
    if name is not None and name not in registries:
        message = (
            f"project '{project.name}' mirrors registry '{name}' (`spec.projects[].proxyCache`), which Harbor does not "
            "have: add it to `spec.registries`, or correct the name"
        )
        return Blocked(Reason.PROJECT_REFUSED, message)
    if name is None or observed is None or observed.registry == registries[name].number:
        return None
    message = (
        f"project '{project.name}' does not mirror registry '{name}' (`spec.projects[].proxyCache`), and Harbor cannot "
        "change that: use another name for the project, or delete it in Harbor if no one needs its images"
    )
    return Blocked(Reason.PROJECT_REFUSED, message)


def check_quota(project: Project, changes: ProjectChanges, quota: ObservedQuota | None) -> Blocked | None:
    """Returns that Harbor keeps no quota for the project although the spec sets one, or None."""
    if not changes.set_quota or quota is not None:
        return None
    message = (
        f"Harbor has no quota for project '{project.name}': remove `quotaGiB` from `spec.projects`, or enable quotas "
        "in Harbor"
    )
    return Blocked(Reason.PROJECT_REFUSED, message)


def check_type(registry: Registry, observed: ObservedRegistry | None) -> Blocked | None:
    """Returns that the endpoint has another type, which Harbor cannot change, or None."""
    if observed is None or observed.type == registry.type:
        return None
    message = (
        f"registry '{registry.name}' has type '{observed.type}' in Harbor and '{registry.type}' in `spec.registries`, "
        "and Harbor cannot change that: use another name"
    )
    return Blocked(Reason.ENDPOINT_REFUSED, message)
