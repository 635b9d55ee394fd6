"""Every figure of the operator beside the best peer in the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.figures import NO_VALUE, number
from benchmarks.goals import REPAIRS
from benchmarks.injector import Scope
from benchmarks.results import OURS, Results

Read = Callable[[str], list[float]]


@dataclass(frozen=True)
class Comparison:
    """One figure, of which less is better; `is_better` is None if no peer has it."""

    figure: str
    ours: str
    theirs: str = NO_VALUE
    best_peer: str = NO_VALUE
    is_better: bool | None = None


def compare_all(results: Results) -> list[Comparison]:
    """Returns all figures of the operator."""
    return [
        comparison for figure, unit, read in _figures(results) if (comparison := _compare(results, figure, unit, read))
    ]


def _compare(results: Results, figure: str, unit: str, read: Read) -> Comparison | None:
    mine = read(OURS)
    if not mine:
        return None
    theirs = {name: median(values) for name in results.peers if (values := read(name))}
    text = f"{number(median(mine))}{unit}"
    if not theirs:
        return Comparison(figure, text)
    best_peer = min(theirs, key=lambda name: theirs[name])
    best = f"{number(theirs[best_peer])}{unit}"
    return Comparison(figure, text, best, best_peer, text == best or median(mine) < theirs[best_peer])


def _figures(results: Results) -> Iterator[tuple[str, str, Read]]:
    values, deep = results.values, results.deep
    for size in results.sizes:
        for load in ("burst", "flood", "backlog"):
            yield f"{load} of {size:,}: all done", " s", _values_of(values, load, size, "seconds")
        for mark in ("p50", "p99"):
            figure = f"burst of {size:,}: account → done, {mark}"
            yield figure, " ms", _values_of(values, "burst", size, "from_account", mark)
        yield f"burst of {size:,}: processor time", " s", _values_of(values, "burst", size, "cpu_seconds")
        yield f"RSS at rest with {size:,}", " MiB", _values_of(values, "rest", size, "rss_mib")
        yield f"CPU at rest with {size:,}", " %", _values_of(values, "rest", size, "cpu_percent")
    for rate, _ in results.content["program"]["trickles"]:
        for mark in ("p50", "p99"):
            yield f"trickle of {rate:g}/s: account → done, {mark}", " ms", _trickled(results, rate, mark)
    for what in ("writes", "reads"):
        read = _values_of(values, "burst", results.sizes[0], f"{what}_per_namespace")
        yield f"{what} per new namespace", "", _of_same_scope(results, read)
    yield "new during a rotation, p99", " ms", _values_of(values, "rotation", deep, "fresh", "from_account", "p99")
    yield f"rotation of {deep:,}", " s", _values_of(values, "rotation", deep, "seconds")
    for kind, name in REPAIRS.items():
        yield f"repair, {name}: p99", " ms", _values_of(values, "repair", deep, kind, "p99")
    yield "entries of others lost", "", _values_of(values, "foreign", deep, "lost")
    for what in ("secrets", "references"):
        yield f"{what} left behind after deletion", "", _values_of(values, "deletion", deep, "left", what)


def _values_of(values: Callable[..., list[float]], load: str, size: int, *path: str) -> Read:
    return lambda name: values(load, name, size, *path)


def _of_same_scope(results: Results, read: Read) -> Read:
    """Excludes injectors that maintain Secrets only, because they do half of the work."""
    names = {info["name"] for info in results.infos if info["scope"] == Scope.BOTH}
    return lambda name: read(name) if name in names else []


def _trickled(results: Results, rate: float, mark: str) -> Read:
    def read(name: str) -> list[float]:
        row = results.trickle(name, rate)
        return [row["from_account"][mark]] if row.get("finished") and mark in row.get("from_account", {}) else []

    return read
