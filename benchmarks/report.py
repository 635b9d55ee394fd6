"""Writes results: JSON, plots, and the tables between two markers of a page.

`python -m benchmarks.report` writes plots and tables again from docs/benchmarks/latest.json.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from benchmarks.plots import Line, Panel, draw
from benchmarks.results import Results
from benchmarks.tables import page as tables

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "benchmarks"
LATEST, CHURN = "latest.json", "churn.json"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- begin of what `make bench` writes -->"
END = "<!-- end of what `make bench` writes -->"


def write(content: dict[str, Any], folder: Path, page: Path) -> None:
    """Writes JSON, plots and tables; a new page contains the tables only.

    The churn is slow and compares nothing. It has a separate file, so that either can be repeated alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = CHURN if content["program"]["name"] == "churn" else LATEST
    (folder / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")
    if (folder / LATEST).exists():
        render(folder, page)


def render(folder: Path, page: Path) -> None:
    """Writes plots and tables from the JSON."""
    content = json.loads((folder / LATEST).read_text())
    if (folder / CHURN).exists():
        content["rows"] += json.loads((folder / CHURN).read_text())["rows"]
    results = Results(content)
    (folder / "latency.svg").write_text(draw(_latency(results)))
    (folder / "cost.svg").write_text(draw(_cost(results)))
    text = page.read_text() if page.exists() else f"{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables_text = tables(results, os.path.relpath(folder, page.parent))
    page.write_text(f"{before}{BEGIN}\n\n{tables_text}\n\n{END}{after}")


def _latency(results: Results) -> list[Panel]:
    """The percentage of namespaces that were done within a time in milliseconds."""
    size = results.sizes[-1]
    rates = [rate for rate, _ in results.content["program"]["trickles"]]
    names = [results.floor, *(info["name"] for info in results.infos)]
    panels = [
        Panel(
            f"Burst of {size:,}: ServiceAccount seen → done",
            "milliseconds",
            "% of namespaces",
            _curves(
                [
                    (name, row["from_account"])
                    for name in names
                    for row in results.rows("burst", name, size)[:1]
                    if "from_account" in row
                ]
            ),
        )
    ]
    for rate in rates[-1:]:
        found = [(info["name"], results.trickle(info["name"], rate).get("from_account", {})) for info in results.infos]
        bare = results.trickle(results.infos[0]["name"], rate).get("yardstick", {})
        title = f"{rate:g}/s over {results.deep:,}: ServiceAccount seen → done"
        panels.append(
            Panel(
                title, "milliseconds", "% of namespaces", _curves([*found, ("one PATCH with optimistic locking", bare)])
            )
        )
    return panels


def _curves(found: list[tuple[str, dict[str, Any]]]) -> list[Line]:
    return [
        Line(name, [(max(value, 0.1), float(percent)) for percent, value in enumerate(one["curve"])])
        for name, one in found
        if "curve" in one
    ]


def _cost(results: Results) -> list[Panel]:
    def panel(title: str, up: str, load: str, *path: str) -> Panel:
        names = [results.floor, *(info["name"] for info in results.infos)]
        lines = [Line(name, _medians(results, load, name, path)) for name in names]
        return Panel(title, "namespaces", up, [line for line in lines if line.points])

    return [
        panel("Backlog: time to all done", "seconds", "backlog", "seconds"),
        panel("Burst: processor time", "seconds", "burst", "cpu_seconds"),
        panel("At rest: memory", "MiB", "rest", "rss_mib"),
    ]


def _medians(results: Results, load: str, name: str, path: tuple[str, ...]) -> list[tuple[float, float]]:
    points = []
    for size in results.sizes:
        values = sorted(results.values(load, name, size, *path))
        if values:
            points.append((float(size), values[len(values) // 2]))
    return points


if __name__ == "__main__":
    render(FOLDER, PAGE)
