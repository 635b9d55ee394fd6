"""Translates shell patterns of namespace names to RE2, the regular expressions of the API server."""

from __future__ import annotations

import string
from collections.abc import Iterator
from fnmatch import fnmatchcase

LETTERS = string.ascii_lowercase + string.digits + "-"
"""The characters of a namespace name."""


def translate(pattern: str) -> str | None:
    """Returns the regular expression (RE2) of a shell pattern; None if no namespace name can match the pattern.

    It consists of LETTERS, `.`, `.*` and sets of LETTERS, so nothing needs to be escaped.
    """
    parts = [_translate_part(part) for part in _parts(pattern)]
    return None if None in parts else "".join(part for part in parts if part) or None


def _translate_part(part: str) -> str | None:
    if part == "*":
        return ".*"
    if part == "?":
        return "."
    matching = sorted(letter for letter in LETTERS if fnmatchcase(letter, part))
    if len(matching) > 1:
        return f"[{''.join(matching)}]"  # sorted: a hyphen comes first and forms no range
    return matching[0] if matching else None


def _parts(pattern: str) -> Iterator[str]:
    """Yields the letters, wildcards and sets of a pattern, as `fnmatch` reads them."""
    at = 0
    while at < len(pattern):
        end = _end_of_set(pattern, at) if pattern[at] == "[" else at + 1
        yield pattern[at:end]
        at = end


def _end_of_set(pattern: str, start: int) -> int:
    # As in `fnmatch`: a closing bracket in first place is a member, and an unclosed bracket is a literal bracket.
    first = start + 2 if pattern.startswith("!", start + 1) else start + 1
    end = pattern.find("]", first + 1)
    return end + 1 if end >= 0 else start + 1
