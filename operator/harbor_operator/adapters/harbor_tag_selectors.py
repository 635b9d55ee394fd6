"""The selectors of immutable tag rules and retention rules in Harbor's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harbor_operator.model.project_policies import TagSelector

_KIND = "doublestar"
_REPOSITORIES = {"repoMatches": False, "repoExcludes": True}
_TAGS = {"matches": False, "excludes": True}
"""Whether what the pattern matches is excluded, by Harbor's name of it (`doublestar` in src/lib/selector/selectors)."""


def selector_body(selector: TagSelector) -> dict[str, Any]:
    """Returns the fields of a rule that select repositories and tags."""
    repositories = "repoExcludes" if selector.excludes_repositories else "repoMatches"
    tags = "excludes" if selector.excludes_tags else "matches"
    return {
        "scope_selectors": {"repository": [_pattern(repositories, selector.repositories)]},
        "tag_selectors": [_pattern(tags, selector.tags)],
    }


def decode_selector(rule: Mapping[str, Any]) -> TagSelector | None:
    """Returns the selector of a rule, or None if it does not have exactly one pattern each."""
    match (rule.get("scope_selectors"), rule.get("tag_selectors")):
        case (
            {"repository": [{"decoration": str(repo_decoration), "pattern": str(repositories)}]},
            [{"decoration": str(tag_decoration), "pattern": str(tags)}],
        ) if repo_decoration in _REPOSITORIES and tag_decoration in _TAGS:
            return TagSelector(repositories, tags, _REPOSITORIES[repo_decoration], _TAGS[tag_decoration])
        case _:
            return None


def _pattern(decoration: str, pattern: str) -> dict[str, str]:
    return {"kind": _KIND, "decoration": decoration, "pattern": pattern}
