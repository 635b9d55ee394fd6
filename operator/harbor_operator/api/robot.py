"""The robot account of the pull credential."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.base import Model

EVERY_PROJECT = "*"
EVERY_PROJECT_MESSAGE = "`projects` with '*' would give every namespace every project: use scope 'Cluster' for that"
SELECTABLE_MESSAGE = "`selectableProjects` is for scope 'Namespace' only"
ROTATION_BEFORE_EXPIRY_MESSAGE = "`rotateAfterDays` must be smaller than `expireAfterDays`"

RobotProject = Annotated[str, Field(min_length=1, max_length=255)]


class RobotScope(StrEnum):
    """How many robots there are."""

    CLUSTER = "Cluster"
    NAMESPACE = "Namespace"


class Robot(Model):
    """Pull-only robot accounts that the operator creates: one for the whole cluster, or one for each namespace."""

    scope: RobotScope = Field(
        default=RobotScope.CLUSTER,
        description="Cluster: one robot, whose login is in every pull Secret. Namespace: a robot for each selected "
        "namespace, which pulls from the project of the namespace's name, if it exists, and from `projects`.",
    )
    projects: Annotated[list[RobotProject], Field(min_length=1, max_length=500)] | None = Field(
        default=None,
        description="Projects that each robot can pull from; '*' = all, for scope Cluster only. Absent = all for scope "
        "Cluster, none for scope Namespace.",
    )
    selectable_projects: Annotated[list[RobotProject], Field(max_length=100)] = Field(
        default_factory=list,
        description="For scope Namespace: shell patterns of further projects that the annotation "
        "`harbor-operator.io/projects` of a Namespace can name. It lists projects with commas, and replaces the "
        "default.",
    )
    rotate_after_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Days after which a new robot replaces the present one; absent = never. Robots of namespaces are "
        "replaced over the last quarter of this time, each at its own moment.",
    )
    expire_after_days: int | None = Field(
        default=None,
        ge=3,
        le=3650,
        description="Days after which Harbor rejects a robot; absent = never. The operator replaces it when a third of "
        "the days is left.",
    )
    retire_after_seconds: int = Field(
        default=3600,
        ge=10,
        le=2592000,
        description="Seconds for which a replaced robot still works after every namespace (scope Namespace: its own) "
        "has the new credential, and after its last pull in Harbor's audit log. Then it is disabled, and as many "
        "seconds later deleted.",
    )

    @property
    def retire_after(self) -> timedelta:
        """How long a replaced robot is kept unused."""
        return timedelta(seconds=self.retire_after_seconds)

    @property
    def cluster_projects(self) -> tuple[str, ...]:
        """The projects of the robot of scope Cluster."""
        return tuple(self.projects or (EVERY_PROJECT,))

    @model_validator(mode="after")
    def _fields_fit_the_scope(self) -> Robot:
        if self.scope is RobotScope.CLUSTER and self.selectable_projects:
            raise ValueError(SELECTABLE_MESSAGE)
        if self.scope is RobotScope.NAMESPACE and EVERY_PROJECT in (self.projects or ()):
            raise ValueError(EVERY_PROJECT_MESSAGE)
        return self

    @model_validator(mode="after")
    def _rotation_is_before_the_expiry(self) -> Robot:
        if self.rotate_after_days and self.expire_after_days and self.rotate_after_days >= self.expire_after_days:
            raise ValueError(ROTATION_BEFORE_EXPIRY_MESSAGE)
        return self
