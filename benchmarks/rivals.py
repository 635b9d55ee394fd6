"""Every figure that others have too, beside the best of them in the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.contender import Business
from benchmarks.figures import NOTHING, number
from benchmarks.goals import REPAIRS
from benchmarks.results import OURS, Results

Read = Callable[[str], list[float]]


@dataclass(frozen=True)
class Duel:
    """One figure of which less is better; `ahead` is None where nobody else has it."""

    figure: str
    ours: str
    theirs: str = NOTHING
    rival: str = NOTHING
    ahead: bool | None = None


def duels(results: Results) -> list[Duel]:
    """Returns every figure in which we can be compared."""
    return [duel for figure, unit, read in _figures(results) if (duel := _fight(results, figure, unit, read))]


def _fight(results: Results, figure: str, unit: str, read: Read) -> Duel | None:
    mine = read(OURS)
    if not mine:
        return None
    theirs = {name: median(values) for name in results.peers if (values := read(name))}
    told = f"{number(median(mine))}{unit}"
    if not theirs:
        return Duel(figure, told)
    rival = min(theirs, key=lambda name: theirs[name])
    best = f"{number(theirs[rival])}{unit}"
    return Duel(figure, told, best, rival, told == best or median(mine) < theirs[rival])


def _figures(results: Results) -> Iterator[tuple[str, str, Read]]:
    values, deep = results.values, results.deep
    for size in results.sizes:
        for load in ("burst", "flood", "backlog"):
            yield f"{load} of {size:,}: all done", " s", _of(values, load, size, "seconds")
        for mark in ("p50", "p99"):
            figure = f"burst of {size:,}: account → done, {mark}"
            yield figure, " ms", _of(values, "burst", size, "from_account", mark)
        yield f"burst of {size:,}: processor time", " s", _of(values, "burst", size, "cpu_seconds")
        yield f"RSS at rest with {size:,}", " MiB", _of(values, "rest", size, "rss_mib")
        yield f"CPU at rest with {size:,}", " %", _of(values, "rest", size, "cpu_percent")
    for rate, _ in results.content["program"]["trickles"]:
        for mark in ("p50", "p99"):
            yield f"trickle of {rate:g}/s: account → done, {mark}", " ms", _trickled(results, rate, mark)
    for what in ("writes", "reads"):
        read = _of(values, "burst", results.sizes[0], f"{what}_per_namespace")
        yield f"{what} per fresh namespace", "", _of_those_who_do_both(results, read)
    yield "fresh during a rotation, p99", " ms", _of(values, "rotation", deep, "fresh", "from_account", "p99")
    yield f"rotation of {deep:,}", " s", _of(values, "rotation", deep, "seconds")
    for kind, name in REPAIRS.items():
        yield f"repair, {name}: p99", " ms", _of(values, "repair", deep, kind, "p99")
    yield "entries of others lost", "", _of(values, "foreign", deep, "lost")
    for what in ("secrets", "references"):
        yield f"{what} left behind after deletion", "", _of(values, "deletion", deep, "left", what)


def _of(values: Callable[..., list[float]], load: str, size: int, *path: str) -> Read:
    return lambda name: values(load, name, size, *path)


def _of_those_who_do_both(results: Results, read: Read) -> Read:
    """Whoever takes care of Secrets only has half of the work."""
    names = {card["name"] for card in results.cards if card["business"] == Business.BOTH}
    return lambda name: read(name) if name in names else []


def _trickled(results: Results, rate: float, mark: str) -> Read:
    def read(name: str) -> list[float]:
        row = results.trickle(name, rate)
        return [row["from_account"][mark]] if row.get("finished") and mark in row.get("from_account", {}) else []

    return read
