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
