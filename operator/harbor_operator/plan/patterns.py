"""Shell patterns of namespace names as the regular expressions that an API server understands (RE2)."""

from __future__ import annotations

import string
from collections.abc import Iterator
from fnmatch import fnmatchcase

LETTERS = string.ascii_lowercase + string.digits + "-"
"""All that the name of a namespace is made of."""


def translate(pattern: str) -> str | None:
    """Returns a regular expression (RE2) for the namespaces that a shell pattern means; None if it can mean none.

    It holds nothing but letters of namespaces, `.`, `.*` and sets of such letters, so there is nothing to escape.
    """
    parts = [_translate_part(part) for part in _parts(pattern)]
    return None if None in parts else "".join(part for part in parts if part) or None


def _translate_part(part: str) -> str | None:
    if part == "*":
        return ".*"
    if part == "?":
        return "."
    meant = sorted(letter for letter in LETTERS if fnmatchcase(letter, part))
    if len(meant) > 1:
        return f"[{''.join(meant)}]"  # sorted, so that a hyphen comes first and makes no range
    return meant[0] if meant else None


def _parts(pattern: str) -> Iterator[str]:
    """Yields the letters and sets of a pattern, as `fnmatch` reads them."""
    at = 0
    while at < len(pattern):
        end = _end_of_set(pattern, at) if pattern[at] == "[" else at + 1
        yield pattern[at:end]
        at = end


def _end_of_set(pattern: str, start: int) -> int:
    # A closing bracket that comes first is a member; a set that is never closed is a bracket and nothing else.
    first = start + 2 if pattern.startswith("!", start + 1) else start + 1
    end = pattern.find("]", first + 1)
    return end + 1 if end >= 0 else start + 1
