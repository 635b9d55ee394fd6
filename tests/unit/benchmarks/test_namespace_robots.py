from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[3] / "docs"
MEASURED = json.loads((DOCS / "benchmarks" / "namespace-robots.json").read_text())
MAX_REQUESTS_PER_ROBOT = 3
ROBOTS_PER_PAGE = 100


def test_every_robot_converged_within_the_goal() -> None:
    for phase in ("create", "harbor_restart"):
        assert MEASURED[phase]["accepted_logins"] == MEASURED["robots"]
        assert _total(MEASURED[phase]) <= MAX_REQUESTS_PER_ROBOT * MEASURED["robots"]
    assert MEASURED["restart"]["requests"] == {"GET robots": MEASURED["robots"] / ROBOTS_PER_PAGE}


def test_the_page_has_the_measured_results() -> None:
    page = (DOCS / "benchmarks.md").read_text()
    for phase in ("create", "restart", "delete", "harbor_restart"):
        figures = MEASURED[phase]
        requests = [f"{kind.removesuffix(' robots')} {count:,}" for kind, count in figures["requests"].items()]
        per_robot = f"{_total(figures) / MEASURED['robots']:.2f}"
        rows = [line for line in page.splitlines() if all(text in line for text in (*requests, per_robot))]
        assert any(f"| {figures['seconds']:.0f} |" in row for row in rows), phase


def _total(figures: dict[str, Any]) -> int:
    return sum(figures["requests"].values())
