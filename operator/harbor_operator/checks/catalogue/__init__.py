"""Every reason explained: what is seen, why, and what to do; docs/problems.md is generated from here."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue import backends, general, registry, release
from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

CHAPTERS: Mapping[str, Mapping[Reason, Problem]] = {
    "Any condition": general.PROBLEMS,
    "DatabaseReady": backends.DATABASE,
    "CacheReady": backends.CACHE,
    "StorageReady": backends.STORAGE,
    "ReleaseReady": release.PROBLEMS,
    "RegistryReachable": registry.REACHABILITY,
    "Configured": registry.CONFIGURATION,
    "PullSecretsReady": registry.PULL_SECRETS,
}

HEALTHY = frozenset({Reason.CONVERGED, Reason.NOT_REQUESTED})
"""Reasons that report no problem and therefore have no remedy."""


def page() -> str:
    """Returns docs/problems.md."""
    lines = [
        "# Problems and remedies",
        "",
        "Every reason that a condition, an event or a warning of a `HarborRegistry` can carry.",
        "`kubectl get hreg -o wide` shows the first one; `kubectl describe hreg NAME` shows all of them.",
        "",
        "Generated from `operator/harbor_operator/diagnosis/catalogue` by `make docs`; do not edit.",
        "",
    ]
    for chapter, problems in CHAPTERS.items():
        lines += [f"## {chapter}", "", "| Reason | Seen | Why | What to do |", "|---|---|---|---|"]
        lines += [
            f"| `{reason}` | {problem.symptom} | {problem.cause} | {problem.remedy} |"
            for reason, problem in problems.items()
        ]
        lines.append("")
    return "\n".join(lines)
