"""The robots of a project: logins of pipelines, whose Secret the operator writes and whose password it replaces."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harbor_operator.api.base import OWN_PREFIX, Model, ObjectName
from harbor_operator.api.robot import ROTATION_BEFORE_EXPIRY_MESSAGE

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "repository": ("pull", "push", "read", "list", "update", "delete"),
    "artifact": ("read", "list", "create", "delete"),
    "artifact-addition": ("read",),
    "artifact-label": ("create", "delete"),
    "label": ("read", "list"),
    "sbom": ("create", "read", "stop"),
    "scan": ("create", "read", "stop"),
    "tag": ("list", "create", "delete"),
}
"""What a robot can be allowed: Harbor's own words, without rights over members, robots and settings."""

ACTION_MESSAGE = "Harbor has no such `action` on this `resource`"
OWN_NAME_MESSAGE = (
    f"`name` begins with '{OWN_PREFIX}', as the names of the operator's own Secrets do: choose another name"
)
PUSH_MESSAGE = "`access` to push also needs repository pull: a client reads what exists before it pushes"


NamespaceName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


class RobotAccess(Model):
    """One right in the project, in the words of Harbor's API."""

    resource: Literal[
        "repository", "artifact", "artifact-addition", "artifact-label", "label", "sbom", "scan", "tag"
    ] = Field(description="Kind of object.")
    action: Literal["pull", "push", "read", "list", "create", "update", "delete", "stop"] = Field(
        description="What the robot can do with it. Which actions a resource has: see docs/configuration.md."
    )

    @model_validator(mode="after")
    def _resource_has_the_action(self) -> RobotAccess:
        if self.action not in ACTIONS[self.resource]:
            raise ValueError(ACTION_MESSAGE)
        return self


class RobotSecretType(StrEnum):
    """The type of the Secret with the login of a robot."""

    DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"
    OPAQUE = "Opaque"


class RobotSecret(Model):
    """The Secret that the operator writes the login of a robot into."""

    name: ObjectName = Field(description="Name of the Secret.")
    namespace: NamespaceName | None = Field(
        default=None,
        description="Namespace of the Secret; absent = that of the HarborRegistry. Any other one must be allowed by "
        "the setting `HARBOR_OPERATOR_ROBOT_SECRET_NAMESPACES` of the operator.",
    )
    type: RobotSecretType = Field(
        default=RobotSecretType.DOCKER_CONFIG,
        description="`kubernetes.io/dockerconfigjson`: as container tools read it. `Opaque`: the keys `username` and "
        "`password`.",
    )

    @model_validator(mode="after")
    def _is_none_of_the_operator(self) -> RobotSecret:
        # The labels of a login contain those by which the operator knows the Secrets of a registry of the same name,
        # also one in another namespace: it would take this login for that of its own robot.
        if self.name.startswith(OWN_PREFIX):
            raise ValueError(OWN_NAME_MESSAGE)
        return self


class ProjectRobot(Model):
    """A robot account of a project, for a pipeline; its login name is `robot$PROJECT+NAME`."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$")] = Field(
        description="Name of the robot, without Harbor's prefix and without the project. After a rotation Harbor shows "
        "`NAME_2`, then `NAME_3`."
    )
    access: Annotated[list[RobotAccess], Field(min_length=1, max_length=20)] = Field(
        description="All rights of the robot."
    )
    secret: RobotSecret = Field(description="Secret that the operator creates, with the login.")
    rotate_after_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Days after which a new login replaces the present one; absent = never.",
    )
    expire_after_days: int | None = Field(
        default=None,
        ge=3,
        le=3650,
        description="Days after which Harbor rejects a login; absent = never. The operator replaces it when a third of "
        "the days is left.",
    )
    retire_after_seconds: int = Field(
        default=86400,
        ge=10,
        le=2592000,
        description="Seconds for which a replaced login still works after the Secret has the new one, and after its "
        "last entry in Harbor's audit log: longer than a pipeline runs. Then it is disabled, and as many seconds later "
        "deleted.",
    )

    @model_validator(mode="after")
    def _push_includes_pull(self) -> ProjectRobot:
        given = {(one.resource, one.action) for one in self.access}
        if ("repository", "push") in given and ("repository", "pull") not in given:
            raise ValueError(PUSH_MESSAGE)
        return self

    @model_validator(mode="after")
    def _rotation_is_before_the_expiry(self) -> ProjectRobot:
        if self.rotate_after_days and self.expire_after_days and self.rotate_after_days >= self.expire_after_days:
            raise ValueError(ROTATION_BEFORE_EXPIRY_MESSAGE)
        return self
