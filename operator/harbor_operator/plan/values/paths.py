"""Paths into a tree of chart values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from harbor_operator.model.release import Tree

Path = tuple[str, ...]


def leaves(tree: Tree, at: Path = ()) -> Iterator[Path]:
    """Yields the path of each value that is not a mapping."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, (*at, key))
        else:
            yield (*at, key)


def value_at(tree: Tree, path: Path) -> Any:
    """Returns the value, or None."""
    found: Any = tree
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def unwrap(value: object) -> object:
    """Returns the text of a SecretStr, and any other value as it is."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value
