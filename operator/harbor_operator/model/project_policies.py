"""The policies of a project as desired and observed."""

from __future__ import annotations

from dataclasses import dataclass

EVERYTHING = "**"


@dataclass(frozen=True, slots=True)
class TagSelector:
    """Which tags of which repositories: two doublestar patterns, each of which selects or excludes what it matches."""

    repositories: str = EVERYTHING
    tags: str = EVERYTHING
    excludes_repositories: bool = False
    excludes_tags: bool = False


@dataclass(frozen=True, slots=True)
class ObservedImmutableRule:
    """An immutable tag rule as observed; `selector` is None if it is one that the spec cannot describe."""

    number: int
    selector: TagSelector | None
    is_disabled: bool = False


@dataclass(frozen=True, slots=True)
class ImmutableTagChanges:
    """The writes that the immutable tag rules of one project need; `enable` has the selector of each."""

    add: tuple[TagSelector, ...] = ()
    enable: tuple[tuple[ObservedImmutableRule, TagSelector], ...] = ()
    remove: tuple[ObservedImmutableRule, ...] = ()

    def __bool__(self) -> bool:
        """Whether any write is needed."""
        return bool(self.add or self.enable or self.remove)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What a retention keeps: `template` is Harbor's name of the criterion, `limit` a count or a number of days."""

    template: str
    selector: TagSelector
    limit: int | None = None
    selects_untagged: bool = True


@dataclass(frozen=True, slots=True)
class DesiredRetention:
    """A retention policy as desired; an empty `cron` runs it by hand only."""

    rules: tuple[RetentionRule, ...]
    cron: str

    def is_met_by(self, observed: ObservedRetention) -> bool:
        """Whether no write is needed. The order of the rules has no meaning: what one of them keeps is kept."""
        return (frozenset(self.rules), self.cron) == (frozenset(observed.rules), observed.cron)


@dataclass(frozen=True, slots=True)
class ObservedRetention:
    """A retention policy as observed; a rule is None if it is disabled, or one that the spec cannot describe."""

    rules: tuple[RetentionRule | None, ...]
    cron: str
