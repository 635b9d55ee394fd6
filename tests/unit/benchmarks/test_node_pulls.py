from __future__ import annotations

import json
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_has_the_measured_results() -> None:
    measured = json.loads((DOCS / "benchmarks" / "node-pulls.json").read_text())
    page = (DOCS / "how-to" / "harbor-outage.md").read_text()
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:4]] for cells in map(_cells, page.splitlines()) if cells
    }
    for column, scope in enumerate(("Cluster", "Namespace")):
        for case, result in measured[scope]["outage"].items():
            assert rows[case][column] == result, (scope, case)
        rotation = measured[scope]["rotation"]
        assert rotation["failed"] == []
        assert rows[f"`{scope}`"] == [str(rotation["pulls"]), "0"]
    assert f"Kubernetes {measured['kubernetes']}" in page


def _cells(line: str) -> list[str]:
    return line.split("|") if line.startswith("|") else []
