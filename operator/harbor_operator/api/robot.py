"""The robot account of the pull credential, and the requests to replace its credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from harbor_operator.api.base import Model

ROTATE_REQUESTED_AT = "harbor-operator.io/rotate-requested-at"
REVOKE_REQUESTED_AT = "harbor-operator.io/revoke-requested-at"
MAX_VALUE_CHARACTERS = 256
"""The status repeats the value; a longer one is no request."""
ROTATION_BEFORE_EXPIRY_MESSAGE = "`rotateAfterDays` must be smaller than `expireAfterDays`"


class Robot(Model):
    """One pull-only robot account for the whole cluster, created by the operator."""

    projects: Annotated[list[str], Field(min_length=1)] = Field(
        default_factory=lambda: ["*"], description="Projects that the robot can pull from; '*' = all."
    )
    rotate_after_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Days after which a new robot replaces the present one; absent = never.",
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
        description="Seconds for which a replaced robot still works after every namespace has the new credential, and "
        "after its last pull in Harbor's audit log. Then it is disabled, and as many seconds later deleted.",
    )

    @model_validator(mode="after")
    def _rotation_is_before_the_expiry(self) -> Robot:
        if self.rotate_after_days and self.expire_after_days and self.rotate_after_days >= self.expire_after_days:
            raise ValueError(ROTATION_BEFORE_EXPIRY_MESSAGE)
        return self


def rotation_request(annotations: Mapping[str, Any], key: str) -> str:
    """Returns the value of the annotation `key`; empty if there is none, or it is too long to be repeated."""
    value = annotations.get(key) or ""
    return value if len(value) <= MAX_VALUE_CHARACTERS else ""
