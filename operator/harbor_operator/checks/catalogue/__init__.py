"""Symptom, cause and remedy of every reason, alert and known text; docs/problems.md is generated from this package."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue import (
    authentication,
    backends,
    configuration,
    database,
    general,
    registry,
    release,
    s3,
    storage_migration,
)
from harbor_operator.checks.catalogue.alerts import ALERTS
from harbor_operator.checks.catalogue.clients import PROBLEMS as CLIENTS
from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

__all__ = ["ALERTS", "CHAPTERS", "CLIENTS", "HEALTHY", "Problem", "anchor", "page"]

CHAPTERS: Mapping[str, Mapping[Reason, Problem]] = {
    "Any condition": general.PROBLEMS,
    "DatabaseReady": database.PROBLEMS,
    "CacheReady": backends.CACHE,
    "StorageReady": {**backends.STORAGE, **s3.PROBLEMS, **storage_migration.PROBLEMS},
    "ReleaseReady": release.PROBLEMS,
    "RegistryReachable": registry.REACHABILITY,
    "Configured": {**configuration.PROBLEMS, **authentication.PROBLEMS},
    "PullSecretsReady": registry.PULL_SECRETS,
}

HEALTHY = frozenset({Reason.CONVERGED, Reason.NOT_REQUESTED, Reason.CONFIGURATION_CHANGED})
"""Reasons that report no problem and therefore have no remedy."""


def page() -> str:
    """Returns the text of docs/problems.md: a section for each reason, whose heading is the reason, then the alerts."""
    lines = [
        "# Problems and remedies",
        "",
        "Every reason of a condition, event or warning of a `HarborRegistry`, and every alert.",
        "`kubectl get hreg -o wide` shows the first reason; `kubectl describe hreg NAME` shows all of them.",
        "`kubectl harbor explain TEXT` finds a section by what docker, an event or a log says.",
        "",
        "Generated from `operator/harbor_operator/checks/catalogue` by `make docs`; do not edit.",
        "",
    ]
    for chapter, problems in CHAPTERS.items():
        listed = ", ".join(f"[{reason}](#{anchor(reason)})" for reason in problems)
        lines += [f"## {chapter}", "", listed, ""]
        for reason, problem in problems.items():
            lines += _section(reason, problem)
    lines += ["## Docker, nodes and logs", "", "No condition reports these problems.", ""]
    for heading, problem in CLIENTS.items():
        lines += _section(heading, problem)
    lines += ["## Alerts", ""]
    for alert, explanation in ALERTS.items():
        if isinstance(explanation, Reason):
            lines += [f"### {alert}", "", f"See [{explanation}](#{anchor(explanation)}).", ""]
        else:
            lines += _section(alert, explanation)
    return "\n".join(lines)


def anchor(heading: str) -> str:
    """Returns the anchor that GitHub gives a heading of one word."""
    return heading.lower()


def _section(heading: str, problem: Problem) -> list[str]:
    texts = ", ".join(f"`{text}`" for text in problem.texts)
    return [
        f"### {heading}",
        "",
        f"- **Symptom:** {problem.symptom}",
        *([f"- **Text:** {texts}"] if texts else []),
        f"- **Cause:** {problem.cause}",
        f"- **Remedy:** {problem.remedy}",
        "",
    ]
