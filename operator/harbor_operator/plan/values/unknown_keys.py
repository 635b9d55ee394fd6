"""The user's values that the chart does not read: Helm would ignore them without a word."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator

from harbor_operator.api.chart_keys import KeyTree, UnknownKey, chart_keys, unknown_key
from harbor_operator.api.charts import CHARTS
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import UserValues
from harbor_operator.plan.values.paths import Path, leaves, unwrap, value_at
from harbor_operator.reasons import Reason

_REMOVE = "remove it or correct its name"

MAX_HINTS = 20
"""Keys of one source for which the nearest one is searched; a message lists no more."""


def find_unread_values(
    source: UserValues, minor: int, is_owned: Callable[[Path], bool]
) -> Iterator[tuple[Path, Blocked]]:
    """Yields each path that charts of this minor do not read, at every level, and what to do about it.

    `is_owned` tells the keys that the operator refuses: none of them is suggested.
    """
    known = chart_keys(minor)
    reported: set[Path] = set()
    for path in leaves(source.tree):
        unknown = unknown_key(path, known)
        if unknown is None:
            if keys := _keys_instead_of_value(source, path, known):
                yield path, _refused(path, source, f"must be a mapping: the chart reads keys below it, such as {keys}")
        elif unknown.path not in reported:
            reported.add(unknown.path)
            hint = _hint(unknown, known, is_owned) if len(reported) <= MAX_HINTS else _REMOVE
            yield unknown.path, _refused(unknown.path, source, f"is not a key of charts 1.{minor}.x: {hint}")


def nearest_key(unknown: UnknownKey, known: KeyTree) -> Path | None:
    """Returns the key beside it that is spelt alike, or the only key elsewhere with its name; None for neither."""
    *section, name = unknown.path
    if similar := difflib.get_close_matches(name, unknown.siblings, n=1):
        return (*section, similar[0])
    elsewhere = [path for path in _paths(known) if path[-1].lower() == name.lower()]
    return elsewhere[0] if len(elsewhere) == 1 else None


def _hint(unknown: UnknownKey, known: KeyTree, is_owned: Callable[[Path], bool]) -> str:
    readers = [chart.minor for chart in CHARTS if unknown_key(unknown.path, chart_keys(chart.minor)) is None]
    if readers:
        oldest, newest = f"1.{readers[0]}", f"1.{readers[-1]}"
        return f"remove it, or use a chart of {oldest if oldest == newest else f'{oldest} to {newest}'}, which reads it"
    nearest = nearest_key(unknown, known)
    if nearest and not is_owned(nearest):
        return f"did you mean `{'.'.join(nearest)}`? Correct its name or remove it"
    return _REMOVE


def _refused(path: Path, source: UserValues, why: str) -> Blocked:
    return Blocked(Reason.VALUES_INVALID, f"`{'.'.join(path)}` in {source.origin} {why}")


def _keys_instead_of_value(source: UserValues, path: Path, known: KeyTree) -> str:
    """Returns some of the keys that the chart reads below the path, if the user set a value there; null deletes it."""
    for key in path:
        known = known.get(key, {})
    if not known or unwrap(value_at(source.tree, path)) is None:
        return ""
    return ", ".join(f"`{key}`" for key in sorted(known)[:3])


def _paths(known: KeyTree, at: Path = ()) -> Iterator[Path]:
    for key, below in known.items():
        yield (*at, key)
        yield from _paths(below, (*at, key))
