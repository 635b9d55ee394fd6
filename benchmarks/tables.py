"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmarks.figures import NOTHING, number, spread
from benchmarks.goals import REPAIRS, judge
from benchmarks.loads.arrivals import Row
from benchmarks.results import Results
from benchmarks.rivals import duels

VERDICTS = {True: "yes", False: "**no**", None: NOTHING}
Cell = Callable[[Results, str], str]


def page(results: Results, folder: str) -> str:
    """Returns everything that stands between the marks of the page; `folder` is where the pictures are from there."""
    name, minutes = results.content["program"]["name"], results.content["minutes"]
    begin = f"Run of {results.content['date']}, program '{name}', {minutes:g} minutes."
    parts = [
        f"{begin} The median of all runs, and the least and the most of them in brackets.",
        "### Goals",
        _table(("figure", "goal", "measured", "held"), _goals(results)),
        "### Against the best of the others",
        _table(("figure", "ours", "the best of the others", "who", "ahead"), _duels(results)),
        "### Side by side",
        _comparison(results),
        "### Cost against the number of namespaces",
        _table(
            ("namespaces", "contender", "burst", "flood", "backlog", "CPU, burst", "RSS at rest", "CPU at rest"),
            _sizes(results),
        ),
        f"![latencies]({folder}/latency.svg)",
        f"![cost against the number of namespaces]({folder}/cost.svg)",
        "### Contenders",
        _table(("contender", "business", "limits", "settings", "rights"), _cards(results)),
        _absent(results),
        "### Machine",
        _table(("what", "how"), results.content["machine"].items()),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _goals(results: Results) -> list[Sequence[str]]:
    return [(goal.figure, goal.goal, goal.measured, VERDICTS[goal.held]) for goal in judge(results)]


def _duels(results: Results) -> list[Sequence[str]]:
    return [(duel.figure, duel.ours, duel.theirs, duel.rival, VERDICTS[duel.ahead]) for duel in duels(results)]


def _comparison(results: Results) -> str:
    names = [card["name"] for card in results.cards]
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
        cells[f"trickle {rate:g}/s: one locked PATCH p50 / p99"] = _trickle(rate, "yardstick")
    smallest, deep = results.sizes[0], results.deep
    for what in ("writes", "reads"):
        cells[f"{what} per fresh namespace, burst of {smallest:,}"] = _runs("burst", smallest, f"{what}_per_namespace")
    cells[f"rotation of {deep:,}"] = _runs("rotation", deep, "seconds", unit=" s")
    cells["fresh during rotation: account → done p50 / p99"] = _pair("rotation", deep, "fresh", "from_account")
    for kind, name in REPAIRS.items():
        cells[f"repair, {name}: p50 / p99"] = _repair(kind)
    cells["entries of others lost"] = _lost
    cells["left behind after deletion: Secrets / references"] = _left
    return cells


def _runs(load: str, size: int, *path: str, unit: str = "") -> Cell:
    def cell(results: Results, name: str) -> str:
        rows = results.rows(load, name, size)
        if any(not row.get("finished", True) for row in rows):
            return f"{rows[-1]['done']} of {size:,} in time"
        return spread(results.values(load, name, size, *path), unit)

    return cell


def _pair(load: str, size: int, *path: str) -> Cell:
    def cell(results: Results, name: str) -> str:
        marks = [results.values(load, name, size, *path, mark) for mark in ("p50", "p99")]
        return " / ".join(spread(values) for values in marks) + " ms" if all(marks) else NOTHING

    return cell


def _trickle(rate: float, what: str) -> Cell:
    def cell(results: Results, name: str) -> str:
        found = results.trickle(name, rate).get(what, {})
        return f"{number(found['p50'])} / {number(found['p99'])} ms" if "p50" in found else NOTHING

    return cell


def _repair(kind: str) -> Cell:
    def cell(results: Results, name: str) -> str:
        found: Row = next((row.get(kind, {}) for row in results.rows("repair", name)), {})
        if found.get("not_repaired"):
            return f"not within {found['waited_seconds']:g} s"
        return f"{number(found['p50'])} / {number(found['p99'])} ms" if "p50" in found else NOTHING

    return cell


def _lost(results: Results, name: str) -> str:
    rows = results.rows("foreign", name)
    return f"{rows[0]['lost']} of {rows[0]['added']:,}" if rows else NOTHING


def _left(results: Results, name: str) -> str:
    rows = results.rows("deletion", name)
    if not rows:
        return NOTHING
    left = f"{rows[0]['left']['secrets']:,} / {rows[0]['left'].get('references', NOTHING)}"
    return left if rows[0]["possible"] else f"{left} (has no way to)"


def _sizes(results: Results) -> list[Sequence[str]]:
    names = [results.floor, *(card["name"] for card in results.cards)]
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
    return [
        (card["title"], card["business"], card["limits"], card["settings"], card["rights"]) for card in results.cards
    ]


def _absent(results: Results) -> str:
    lines = [f"- {card['title']} ({card['business']}): {card['limits']}" for card in results.content["absent"]]
    return "Absent, because no binary was given:\n\n" + "\n".join(lines) if lines else ""


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{number(value)} s"
