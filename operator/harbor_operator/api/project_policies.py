"""The policies of a project: which tags are immutable, and which are retained."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.addresses import SPACE
from harbor_operator.api.base import Model
from harbor_operator.api.schedules import Schedule

TagPattern = Annotated[str, Field(min_length=1, max_length=1024, pattern=rf"^[^{SPACE}]+$")]
"""A doublestar pattern in Harbor's syntax, for example `v*` or `{dev,test}/**`."""

SELECTION_MESSAGE = (
    "give at most one of `repoMatching` and `repoExcluding`, and at most one of `tagMatching` and `tagExcluding`"
)
CRITERION_MESSAGE = (
    "give exactly one of `mostRecentlyPushed`, `mostRecentlyPulled`, `nDaysSinceLastPush`, `nDaysSinceLastPull` and "
    "`alwaysRetain`"
)

Count = Annotated[int, Field(ge=1, le=32766)]
"""Harbor's limit (`Valid` in src/pkg/retention/policy/rule/latestps)."""
Days = Annotated[int, Field(ge=1, le=36500)]


class TagSelection(Model):
    """Which tags of which repositories a rule is about; absent patterns match everything."""

    repo_matching: TagPattern | None = Field(
        default=None,
        description="Pattern of the repositories, without the name of the project: `*` matches within a part of the "
        "name, `**` also across `/`, and `{a,b}` both.",
    )
    repo_excluding: TagPattern | None = Field(
        default=None, description="Pattern of the repositories that the rule is not about."
    )
    tag_matching: TagPattern | None = Field(default=None, description="Pattern of the tags, for example `v*`.")
    tag_excluding: TagPattern | None = Field(default=None, description="Pattern of the tags that the rule ignores.")

    @model_validator(mode="after")
    def _one_of_each_pair(self) -> TagSelection:
        if (self.repo_matching and self.repo_excluding) or (self.tag_matching and self.tag_excluding):
            raise ValueError(SELECTION_MESSAGE)
        return self


class ImmutableTagRule(TagSelection):
    """Tags that no one can overwrite or delete."""


class RetentionRule(TagSelection):
    """Tags that a run of the retention keeps, in each repository that the rule is about."""

    most_recently_pushed: Count | None = Field(default=None, description="Keep as many, those pushed last.")
    most_recently_pulled: Count | None = Field(default=None, description="Keep as many, those pulled last.")
    n_days_since_last_push: Days | None = Field(default=None, description="Keep what was pushed in the last N days.")
    n_days_since_last_pull: Days | None = Field(default=None, description="Keep what was pulled in the last N days.")
    always_retain: bool = Field(default=False, description="Keep everything that the rule is about.")
    untagged_artifacts: bool = Field(
        default=True, description="Whether the rule is also about artifacts without a tag; false deletes those."
    )

    @model_validator(mode="after")
    def _exactly_one_criterion(self) -> RetentionRule:
        limits = (
            self.most_recently_pushed,
            self.most_recently_pulled,
            self.n_days_since_last_push,
            self.n_days_since_last_pull,
        )
        if sum(limit is not None for limit in limits) + self.always_retain != 1:
            raise ValueError(CRITERION_MESSAGE)
        return self


class Retention(Model):
    """The tag retention of a project: at each run, Harbor deletes what no rule keeps."""

    rules: Annotated[list[RetentionRule], Field(min_length=1, max_length=15)] = Field(
        description="Rules of what is kept. In a repository that a rule is about, everything is deleted that no rule "
        "keeps; other repositories stay as they are."
    )
    schedule: Schedule = Field(
        default="None",
        description="When Harbor runs the retention, in UTC: `Hourly`, `Daily` (at 0:00), `Weekly` (Sunday at 0:00), a "
        "cron expression with six fields of which the first is 0, or `None` to run it by hand only.",
    )
