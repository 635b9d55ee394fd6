"""Alerts and dashboard use only exposed metrics, and each alert has a runbook that exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_operator.checks.catalogue import ALERTS, anchor
from harbor_operator.metrics import catalogue
from harbor_operator.metrics.catalogue import FAMILIES, Family, Kind
from harbor_operator.reasons import Reason

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
RUNBOOK = "https://github.com/harbor-operator/harbor-operator/blob/main/docs/problems.md#"
STANDARD = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
METRIC = re.compile(r"\b((?:harbor_operator|process)_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
ADDED_BY_PROMETHEUS = {"job", "pod", "le"}


def rules() -> list[dict[str, Any]]:
    manifest = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())
    return [rule for group in manifest["spec"]["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel.get("targets", []))


def series(family: Family) -> set[str]:
    if family.kind is not Kind.HISTOGRAM:
        return {family.name}
    return {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}


EXPOSED = {name: family for family in FAMILIES for name in series(family)}


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_expressions_use_exposed_metrics_and_labels(expression: str) -> None:
    used = METRIC.findall(expression)
    assert used
    names = {name for name, _ in used}
    assert names <= EXPOSED.keys() | STANDARD
    known = ADDED_BY_PROMETHEUS.union(*(EXPOSED[name].labels for name in names & EXPOSED.keys()))
    matched = {label for _, labels in used for label in re.findall(r"(\w+)[=!]", labels)}
    grouped = {label for labels in GROUPED.findall(expression) for label in re.findall(r"\w+", labels)}
    assert matched | grouped <= known


def test_the_dashboard_shows_every_metric() -> None:
    shown = {
        name for panel in panels() for target in panel.get("targets", []) for name, _ in METRIC.findall(target["expr"])
    }
    missing = [family.name for family in FAMILIES if not series(family) & shown]
    assert missing == [catalogue.BUILD.name]


def test_the_catalogue_explains_every_alert() -> None:
    assert list(ALERTS) == [rule["alert"] for rule in rules()]


def test_every_runbook_url_is_a_section_of_the_problems_page() -> None:
    page = (ROOT / "docs" / "problems.md").read_text()
    sections = {anchor(heading) for heading in re.findall(r"^#+ (\w+)$", page, re.MULTILINE)}
    for rule in rules():
        explanation = ALERTS[rule["alert"]]
        heading = explanation if isinstance(explanation, Reason) else rule["alert"]
        assert rule["annotations"]["runbook_url"] == RUNBOOK + anchor(heading)
        assert anchor(heading) in sections


def test_annotations_are_whole_sentences() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        across = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in across for y in range(place["y"], place["y"] + place["h"])}
        assert max(across) < 24
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
