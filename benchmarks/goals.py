"""The goals of this project: every figure with its goal and whether it is met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.figures import number
from benchmarks.loads.arrivals import Row
from benchmarks.results import BY_POLICY, OURS, Results

REPAIRS = {
    "secret_deleted": "Secret deleted",
    "secret_edited": "Secret edited",
    "reference_stripped": "reference stripped",
}


@dataclass(frozen=True)
class Goal:
    """One figure; `met` is None if it was not measured."""

    figure: str
    goal: str
    measured: str = "not measured"
    met: bool | None = None


def evaluate_goals(results: Results) -> list[Goal]:
    """Returns every goal with the measured value."""
    return [*_cost(results), *_speed(results), *_maintenance(results), *_resource_usage(results)]


def _limited(figure: str, goal: str, values: list[float], limit: float, unit: str = "") -> Goal:
    if not values:
        return Goal(figure, goal)
    worst = max(values)
    return Goal(figure, goal, f"{number(worst)}{unit}", worst <= limit)


def _cost(results: Results) -> Iterator[Goal]:
    figure = "writes / reads per new namespace"
    yield _budget(figure, results.rows("burst", OURS), 2)
    yield _budget(f"{figure}, with the admission policy", results.rows("burst", BY_POLICY), 1)
    for size in results.sizes:
        values = results.values("restart", OURS, size, "writes")
        yield _limited(f"writes on restart over {size:,} namespaces", "0", values, 0)


def _budget(figure: str, rows: Sequence[Row], wanted: int) -> Goal:
    goal = f"{wanted} / 0"
    if not rows:
        return Goal(figure, goal)
    writes = {row["writes_per_namespace"] for row in rows}
    reads = {row["reads_per_namespace"] for row in rows}
    measured = f"{'; '.join(map(number, sorted(writes)))} / {'; '.join(map(number, sorted(reads)))}"
    return Goal(figure, goal, measured, writes == {float(wanted)} and reads == {0.0})


def _speed(results: Results) -> Iterator[Goal]:
    for size in results.sizes:
        for load in ("burst", "flood", "backlog"):
            floor, mine = results.floor_seconds(load, size), results.values(load, OURS, size, "seconds")
            ratios = [median(mine) / floor] if mine and floor else []
            yield _limited(f"{load} of {size:,}, time to all done", "1.2 x T*", ratios, 1.2, " x T*")
        values = results.values("burst", OURS, size, "from_account", "p99")
        yield _limited(f"burst of {size:,}, ServiceAccount seen → done, p99", "100 ms", values, 100, " ms")
    for rate, _ in results.content["program"]["trickles"]:
        row = results.trickle(OURS, rate)
        for mark, factor in (("p50", 1.5), ("p99", 3.0)):
            bare, mine_ms = row.get("yardstick", {}).get(mark), row.get("from_account", {}).get(mark)
            ratios = [mine_ms / bare] if bare and mine_ms else []
            figure = f"trickle {rate:g}/s over {results.deep:,}, ServiceAccount seen → done, {mark}"
            yield _limited(figure, f"{factor:g} x one PATCH with optimistic locking", ratios, factor, " x")


def _maintenance(results: Results) -> Iterator[Goal]:
    new = results.values("rotation", OURS, results.deep, "fresh", "from_account", "p99")
    rate = results.content["program"]["arrivals"]
    trickled = results.trickle(OURS, rate).get("from_account", {}).get("p99")
    ratios = [value / trickled for value in new] if trickled else []
    yield _limited("new namespaces during a rotation, p99", "2 x the trickle's p99", ratios, 2.0, " x")
    for kind, name in REPAIRS.items():
        values = results.values("repair", OURS, results.deep, kind, "p99")
        yield _limited(f"repair: {name}, p99", "100 ms", values, 100, " ms")
    yield _limited("entries of others lost", "0", results.values("foreign", OURS, results.deep, "lost"), 0)
    for what in ("references", "secrets"):
        values = results.values("deletion", OURS, results.deep, "left", what)
        yield _limited(f"{what} left behind after deletion", "0", values, 0)


def _resource_usage(results: Results) -> Iterator[Goal]:
    size = results.sizes[-1]
    yield _limited(f"RSS at {size:,} namespaces", "120 MiB", results.values("rest", OURS, size, "rss_mib"), 120, " MiB")
    growth = [row["growth_mib"] for row in results.rows("churn", OURS)]
    yield _limited("growth of RSS over half an hour of churn", "none (5 MiB of noise)", growth, 5, " MiB")
    percent = results.values("rest", OURS, size, "cpu_percent")
    yield _limited(f"CPU at rest with {size:,} namespaces", "0.5 % of one core", percent, 0.5, " %")
    others = [float(sum(row["other_requests"].values())) for row in results.rows("rest", OURS, size)]
    yield _limited("requests at rest other than watches and the Lease", "0", others, 0)
