"""The projects that must exist, and the least that has to be written to get there."""

from __future__ import annotations

from dataclasses import dataclass

from harbor_operator.api.v1alpha1 import HarborRegistry

UNLIMITED = -1
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class ProjectWish:
    """How a project shall be; `storage_limit` in bytes, UNLIMITED = no quota."""

    name: str
    public: bool
    storage_limit: int


@dataclass(frozen=True, slots=True)
class SeenProject:
    """How a project is."""

    number: int
    name: str
    public: bool
    repositories: int = 0
    is_proxy_cache: bool = False


@dataclass(frozen=True, slots=True)
class SeenQuota:
    """The quota of a project; `storage_limit` in bytes, UNLIMITED = no quota."""

    number: int
    storage_limit: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written for one project."""

    create: bool = False
    set_public: bool = False
    set_quota: bool = False

    def __bool__(self) -> bool:
        """Whether anything has to be written."""
        return self.create or self.set_public or self.set_quota


def plan_projects(registry: HarborRegistry) -> tuple[ProjectWish, ...]:
    """The wished projects, in the order of the spec."""
    return tuple(
        ProjectWish(project.name, project.public, project.quota_gib * GIB if project.quota_gib else UNLIMITED)
        for project in registry.spec.projects
    )


def difference(wish: ProjectWish, project: SeenProject | None, quota: SeenQuota | None) -> Difference:
    """What separates the project from the wish; a Harbor that keeps no quota counts as unlimited."""
    if project is None:
        return Difference(create=True)
    limit = quota.storage_limit if quota else UNLIMITED
    return Difference(set_public=project.public != wish.public, set_quota=limit != wish.storage_limit)
