"""The policies of a project: which tags are immutable."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.base import Model

TagPattern = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^\S+$")]
"""A doublestar pattern in Harbor's syntax, for example `v*` or `{dev,test}/**`."""

SELECTION_MESSAGE = (
    "give at most one of `repoMatching` and `repoExcluding`, and at most one of `tagMatching` and `tagExcluding`"
)


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
