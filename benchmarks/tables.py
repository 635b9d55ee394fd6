"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmarks.comparison import compare_all
from benchmarks.figures import NO_VALUE, median_and_range, number
from benchmarks.goals import REPAIRS, evaluate_goals
from benchmarks.loads.arrivals import Row
from benchmarks.results import Results

YES_NO = {True: "yes", False: "**no**", None: NO_VALUE}
Cell = Callable[[Results, str], str]


def page(results: Results, folder: str) -> str:
    """Returns the text between the markers of the page; `folder` is the relative path of the pictures."""
    name, minutes = results.content["program"]["name"], results.content["minutes"]
    begin = f"Run of {results.content['date']}, program '{name}', {minutes:g} minutes."
    parts = [
        f"{begin} Values are medians of all runs, with minimum and maximum in brackets.",
        "### Goals",
        _table(("figure", "goal", "measured", "met"), _goals(results)),
        "### Compared with the best peer",
        _table(("figure", "harbor-operator", "best peer", "peer", "better"), _comparisons(results)),
        "### Side by side",
        _comparison(results),
        "### Cost by number of namespaces",
        _table(
            ("namespaces", "injector", "burst", "flood", "backlog", "CPU, burst", "RSS at rest", "CPU at rest"),
            _sizes(results),
        ),
        f"![latencies]({folder}/latency.svg)",
        f"![cost by number of namespaces]({folder}/cost.svg)",
        "### Injectors",
        _table(("injector", "scope", "limits", "settings", "rights"), _cards(results)),
        _absent(results),
        "### Machine",
        _table(("property", "value"), results.content["machine"].items()),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _goals(results: Results) -> list[Sequence[str]]:
    return [(goal.figure, goal.goal, goal.measured, YES_NO[goal.met]) for goal in evaluate_goals(results)]


def _comparisons(results: Results) -> list[Sequence[str]]:
    return [
        (comparison.figure, comparison.ours, comparison.theirs, comparison.best_peer, YES_NO[comparison.is_better])
        for comparison in compare_all(results)
    ]


def _comparison(results: Results) -> str:
    names = [info["name"] for info in results.infos]
    cells = _cells(results)
    rows = [(figure, *(cell(results, name) for name in names)) for figure, cell in cells.items()]
    floors = [
        f"T* at {size:,}: "
        + ", ".join(f"{load} {_seconds(results.floor_seconds(load, size))}" for load in ("burst", "flood", "backlog"))
        for size in results.sizes
    ]
    return _table(("figure", *names), rows) + f"\n\nT* is '{results.floor}'. " + "; ".join(floors) + "."


def _cells(results: Results) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for size in results.sizes:
        cells[f"burst of {size:,}: all done"] = _runs("burst", size, "seconds", unit=" s")
        cells[f"burst of {size:,}: account → done p50 / p99"] = _pair("burst", size, "from_account")
        cells[f"burst of {size:,}: namespace → done p50 / p99"] = _pair("burst", size, "from_namespace")
        cells[f"flood of {size:,}: all done"] = _runs("flood", size, "seconds", unit=" s")
        cells[f"backlog of {size:,}: all done"] = _runs("backlog", size, "seconds", unit=" s")
        cells[f"restart over {size:,}: writes"] = _runs("restart", size, "writes")
        cells[f"restart over {size:,}: reads inside"] = _runs("restart", size, "reads")
    for rate, _ in results.content["program"]["trickles"]:
        cells[f"trickle {rate:g}/s: account → done p50 / p99"] = _trickle(rate, "from_account")
        cells[f"trickle {rate:g}/s: one PATCH with optimistic locking p50 / p99"] = _trickle(rate, "yardstick")
    smallest, deep = results.sizes[0], results.deep
    for what in ("writes", "reads"):
        cells[f"{what} per new namespace, burst of {smallest:,}"] = _runs("burst", smallest, f"{what}_per_namespace")
    cells[f"rotation of {deep:,}"] = _runs("rotation", deep, "seconds", unit=" s")
    cells["new during rotation: account → done p50 / p99"] = _pair("rotation", deep, "fresh", "from_account")
    for kind, name in REPAIRS.items():
        cells[f"repair, {name}: p50 / p99"] = _repair(kind)
    cells["entries of others lost"] = _excluded
    cells["left behind after deletion: Secrets / references"] = _left
    return cells


def _runs(load: str, size: int, *path: str, unit: str = "") -> Cell:
    def cell(results: Results, name: str) -> str:
        rows = results.rows(load, name, size)
        if any(not row.get("finished", True) for row in rows):
            return f"{rows[-1]['done']} of {size:,} in time"
        return median_and_range(results.values(load, name, size, *path), unit)

    return cell


def _pair(load: str, size: int, *path: str) -> Cell:
    def cell(results: Results, name: str) -> str:
        marks = [results.values(load, name, size, *path, mark) for mark in ("p50", "p99")]
        return " / ".join(median_and_range(values) for values in marks) + " ms" if all(marks) else NO_VALUE

    return cell


def _trickle(rate: float, what: str) -> Cell:
    def cell(results: Results, name: str) -> str:
        found = results.trickle(name, rate).get(what, {})
        return f"{number(found['p50'])} / {number(found['p99'])} ms" if "p50" in found else NO_VALUE

    return cell


def _repair(kind: str) -> Cell:
    def cell(results: Results, name: str) -> str:
        found: Row = next((row.get(kind, {}) for row in results.rows("repair", name)), {})
        if found.get("not_repaired"):
            return f"not within {found['waited_seconds']:g} s"
        return f"{number(found['p50'])} / {number(found['p99'])} ms" if "p50" in found else NO_VALUE

    return cell


def _excluded(results: Results, name: str) -> str:
    rows = results.rows("foreign", name)
    return f"{rows[0]['lost']} of {rows[0]['added']:,}" if rows else NO_VALUE


def _left(results: Results, name: str) -> str:
    rows = results.rows("deletion", name)
    if not rows:
        return NO_VALUE
    left = f"{rows[0]['left']['secrets']:,} / {rows[0]['left'].get('references', NO_VALUE)}"
    return left if rows[0]["possible"] else f"{left} (not supported)"


def _sizes(results: Results) -> list[Sequence[str]]:
    names = [results.floor, *(info["name"] for info in results.infos)]
    return [
        (
            f"{size:,}",
            name,
            _runs("burst", size, "seconds", unit=" s")(results, name),
            _runs("flood", size, "seconds", unit=" s")(results, name),
            _runs("backlog", size, "seconds", unit=" s")(results, name),
            _runs("burst", size, "cpu_seconds", unit=" s")(results, name),
            _runs("rest", size, "rss_mib", unit=" MiB")(results, name),
            _runs("rest", size, "cpu_percent", unit=" %")(results, name),
        )
        for size in results.sizes
        for name in names
    ]


def _cards(results: Results) -> list[Sequence[str]]:
    return [(info["title"], info["scope"], info["limits"], info["settings"], info["rights"]) for info in results.infos]


def _absent(results: Results) -> str:
    lines = [f"- {info['title']} ({info['scope']}): {info['limits']}" for info in results.content["absent"]]
    return "Not measured, because no binary was given:\n\n" + "\n".join(lines) if lines else ""


def _seconds(value: float | None) -> str:
    return NO_VALUE if value is None else f"{number(value)} s"
