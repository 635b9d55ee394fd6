"""The replication of images between Harbor and other registries."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.base import Model
from harbor_operator.api.project_policies import TagPattern
from harbor_operator.api.projects import HarborName
from harbor_operator.api.schedules import Schedule

DIRECTION_MESSAGE = "give exactly one of `pullFrom` and `pushTo`"
TAG_MESSAGE = "give at most one of `tagMatching` and `tagExcluding`"
EVENT_MESSAGE = "`onEvent` needs `pushTo`, and no `schedule`"
DELETION_MESSAGE = "`replicateDeletion` needs `onEvent`"


class Replication(Model):
    """A rule by which Harbor copies images from or to another registry."""

    name: HarborName = Field(description="Name of the rule in Harbor.")
    pull_from: HarborName | None = Field(
        default=None, description="Registry to copy from, from `spec.registries` or in Harbor."
    )
    push_to: HarborName | None = Field(
        default=None, description="Registry to copy to, from `spec.registries` or in Harbor."
    )
    repo_matching: TagPattern | None = Field(
        default=None,
        description="Pattern of the repositories, with the name of the project or namespace, for example "
        "`library/**`; absent = all.",
    )
    tag_matching: TagPattern | None = Field(default=None, description="Pattern of the tags; absent = all.")
    tag_excluding: TagPattern | None = Field(default=None, description="Pattern of the tags that are not copied.")
    destination_namespace: Annotated[str, Field(max_length=255, pattern=r"^([a-z0-9]+([._/-][a-z0-9]+)*)?$")] = Field(
        default="", description="Project or namespace at the destination; empty = as at the source."
    )
    destination_replace_count: int = Field(
        default=-1,
        ge=-1,
        le=3,
        description="Leading parts of the name that `destinationNamespace` replaces; -1 = all but the last.",
    )
    schedule: Schedule = Field(
        default="None",
        description="When Harbor copies, in UTC: `Hourly`, `Daily` (at 0:00), `Weekly` (Sunday at 0:00), a cron "
        "expression with six fields of which the first is 0 and the second not `*`, or `None` to copy by hand only.",
    )
    on_event: bool = Field(default=False, description="Whether Harbor copies each image when it is pushed.")
    replicate_deletion: bool = Field(default=False, description="Whether Harbor deletes at the destination as well.")
    override: bool = Field(default=True, description="Whether tags at the destination are overwritten.")
    enabled: bool = Field(default=True, description="Whether the rule is in use.")

    @model_validator(mode="after")
    def _consistent(self) -> Replication:
        rules = {
            DIRECTION_MESSAGE: (self.pull_from is None) != (self.push_to is None),
            TAG_MESSAGE: self.tag_matching is None or self.tag_excluding is None,
            EVENT_MESSAGE: not self.on_event or (self.push_to is not None and self.schedule == "None"),
            DELETION_MESSAGE: not self.replicate_deletion or self.on_event,
        }
        if broken := [message for message, holds in rules.items() if not holds]:
            raise ValueError(broken[0])
        return self
