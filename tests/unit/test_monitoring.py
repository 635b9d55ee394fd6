"""Alerts and dashboard use only exposed metrics, and each alert has a runbook that exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from harbor_operator.checks.catalogue import ALERTS, anchor
from harbor_operator.metrics.catalogue import FAMILIES, Family, Kind
from harbor_operator.reasons import Reason
from tests.monitoring import ALERT_TESTS, ROOT, RULES, Manifest, panels, queries, rules, scrape_interval

RUNBOOK = "https://github.com/harbor-operator/harbor-operator/blob/main/docs/problems.md#"
STANDARD = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
METRIC = re.compile(r"\b((?:harbor_operator|process)_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
ADDED_BY_PROMETHEUS = {"job", "instance", "pod", "le"}


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (query.expression for query in queries())


def alert_tests(alert: str) -> Manifest:
    content: Manifest = yaml.safe_load((ALERT_TESTS / f"{alert}.yaml").read_text())
    return content


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
    shown = {name for query in queries() for name, _ in METRIC.findall(query.expression)}
    assert [family.name for family in FAMILIES if not series(family) & shown] == []


def test_rates_know_the_scrape_interval() -> None:
    """Without a minimum step, Grafana takes the interval of its data source, by default 15 seconds, for the window."""
    rates = [query for query in queries() if "$__rate_interval" in query.expression]
    assert rates
    assert {query.min_step for query in rates} == {scrape_interval()}


def test_no_query_depends_on_how_the_operator_is_scraped() -> None:
    """A Prometheus without the ServiceMonitor gives its jobs other names."""
    assert [expression for expression in expressions() if re.search(r"\b(job|pod|instance)[=!]", expression)] == []


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


def test_every_alert_has_tests() -> None:
    assert {path.stem for path in ALERT_TESTS.iterdir()} == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_is_expected_to_fire_and_to_stay_silent(rule: Manifest) -> None:
    content = alert_tests(rule["alert"])
    assert content["rule_files"] == [RULES]
    fires, is_silent = False, False
    for test in content["tests"]:
        checks = test["alert_rule_test"]
        assert {check["alertname"] for check in checks} == {rule["alert"]}
        fires |= any(check["exp_alerts"] for check in checks)
        is_silent |= not any(check["exp_alerts"] for check in checks)
        for expected in (alert for check in checks for alert in check["exp_alerts"]):
            assert expected["exp_labels"].items() >= rule["labels"].items()
            assert expected["exp_annotations"].keys() == rule["annotations"].keys()
    assert fires
    assert is_silent


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
