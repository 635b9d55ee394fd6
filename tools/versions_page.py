"""Writes docs/versions.md from docs/versions.json, which `python -m lab.version_runs` records."""

from __future__ import annotations

import json
from typing import Any

from lab.version_runs import RESULTS, TESTS
from lab.versions import SERVERS

TITLES = {
    "kubernetes": "Kubernetes",
    "postgres": "PostgreSQL",
    "redis": "Redis and Valkey",
    "ceph": "Ceph (RADOS gateway)",
}
INTRODUCTION = """# Tested versions of servers

The contract tests ran against these servers: real programs as local processes, without a simulation. Each line is one
run without a failure; the release is the one that the server itself reported. What is not listed was not run.
[Tested versions](../README.md#tested-versions) names the other parts: Harbor, its chart, Helm.

Generated from `docs/versions.json` by `make docs`; do not edit. `make versions` runs the tests and records the results.
"""


def versions_page() -> str:
    """Returns the page."""
    recorded = {result["name"]: result for result in json.loads(RESULTS.read_text(encoding="utf-8"))}
    lines = [INTRODUCTION]
    for server in SERVERS:
        results = [recorded[name] for name in map(server.name, server.versions) if name in recorded]
        lines += [f"## {TITLES[server.key]}", "", *_table([result for result in results if not result["failed"]]), ""]
        lines += [_tests(TESTS[server.key]), ""]
    return "\n".join(lines)


def _table(results: list[dict[str, Any]]) -> list[str]:
    rows = [
        f"| {result['release']} | {result['date']} | {result['passed']} | {_skipped(result['skipped'])} |"
        for result in results
    ]
    return ["| Release | Run on | Passed | Skipped |", "|---|---|---|---|", *rows]


def _skipped(reasons: dict[str, int]) -> str:
    return "; ".join(f"{count}: {reason}" for reason, count in reasons.items())


def _tests(paths: tuple[str, ...]) -> str:
    return f"Tests: {', '.join(f'`{path}`' for path in paths)}."
