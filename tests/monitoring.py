"""The alerts and the dashboard of deploy/monitoring, and the tests of the alerts, as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from typing_extensions import override

ROOT = Path(__file__).parents[1]
MONITORING = ROOT / "deploy" / "monitoring"
ALERT_TESTS = ROOT / "tests" / "alerts"
RULES = "rules.yaml"
"""The name of the rule file in the tests of the alerts."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    panel: str
    ref: str
    expression: str
    is_instant: bool
    min_step: str
    legend: str

    @override
    def __str__(self) -> str:
        """The name of a parametrized test."""
        return f"{self.panel} {self.ref}"


def rule_file() -> Manifest:
    """The content of a rule file: what the Prometheus operator writes for the PrometheusRule."""
    spec: Manifest = yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())["spec"]
    return spec


def rules() -> list[Manifest]:
    return [rule for group in rule_file()["groups"] for rule in group["rules"]]


def dashboard() -> Manifest:
    found: Manifest = json.loads((MONITORING / "dashboard.json").read_text())
    return found


def panels() -> list[Manifest]:
    found: list[Manifest] = dashboard()["panels"]
    return found


def queries() -> Iterator[Query]:
    for panel in panels():
        for target in panel.get("targets", []):
            yield Query(
                panel=panel["title"],
                ref=target["refId"],
                expression=target["expr"],
                is_instant=bool(target["instant"]),
                min_step=target.get("interval", ""),
                legend=target["legendFormat"],
            )


def scrape_interval() -> str:
    """The interval of the ServiceMonitor."""
    (endpoint,) = yaml.safe_load((MONITORING / "servicemonitor.yaml").read_text())["spec"]["endpoints"]
    return str(endpoint["interval"])
