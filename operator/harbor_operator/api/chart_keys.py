"""The keys that a values file of the official chart may have, at every level, by chart minor.

`chart_keys.txt` lists each key without a key below it, and the chart minors that read it. `tools/chart_keys.py` writes
the file from the values files and the templates of all tags. Below a listed key anything is accepted: the chart passes
such a value on as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

FILE_NAME = "chart_keys.txt"

KeyTree = Mapping[str, Any]
"""The keys of one level by name; an empty tree accepts anything."""


@lru_cache
def chart_keys(minor: int) -> KeyTree:
    """Returns the keys that one chart minor reads; empty for a minor that the file does not list."""
    return parse_keys((files("harbor_operator.api") / FILE_NAME).read_text(encoding="utf-8")).get(minor, {})


def parse_keys(text: str) -> dict[int, dict[str, Any]]:
    """Returns the tree of known keys by chart minor, from lines such as `core.replicas 2-19`."""
    trees: dict[int, dict[str, Any]] = {}
    for line in text.splitlines():
        path, _, ranges = line.partition(" ")
        for part in ranges.split(","):
            first, _, last = part.partition("-")
            for minor in range(int(first), int(last) + 1):
                node = trees.setdefault(minor, {})
                for key in path.split("."):
                    node = node.setdefault(key, {})
    return trees


class UnknownKey(NamedTuple):
    """A key that the chart does not read, as a path, and the keys that it reads at that level."""

    path: tuple[str, ...]
    siblings: tuple[str, ...]


def unknown_key(path: tuple[str, ...], known: KeyTree) -> UnknownKey | None:
    """Returns the first part of the path that the chart does not read, or None."""
    for position, key in enumerate(path):
        if not known:
            return None
        if key not in known:
            return UnknownKey(path[: position + 1], tuple(sorted(known)))
        known = known[key]
    return None
