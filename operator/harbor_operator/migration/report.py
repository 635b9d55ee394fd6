"""The report of a migration as a table for people, or as JSON for programs; pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from harbor_operator.model.migration import MigrationReport, StepReport, StepResult

HEADER = ("NAMESPACE", "OBJECT", "FOUND", "ACTION", "WHY")


def render_table(report: MigrationReport) -> str:
    """Returns one line for each object, in columns; a sentence if the tool left nothing."""
    if not report.steps:
        return f"Nothing of {report.tool} is left that HarborRegistry '{report.registry}' could take over.\n"
    rows = [HEADER, *(_row(each) for each in report.steps)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return "".join(f"{line}\n" for line in _aligned(rows, widths))


def render_json(report: MigrationReport) -> str:
    """Returns the report as one JSON object."""
    steps = [
        {
            "namespace": each.step.namespace,
            "kind": each.step.kind,
            "name": each.step.name,
            "found": each.step.found,
            "action": each.step.action.value,
            "why": each.step.why,
            "result": each.result.value,
            **({"error": each.error} if each.error else {}),
        }
        for each in report.steps
    ]
    content = {
        "from": report.tool.value,
        "registry": report.registry,
        "complete": report.is_complete,
        "warnings": list(report.warnings),
        "steps": steps,
    }
    return json.dumps(content, indent=2) + "\n"


def summarize(report: MigrationReport, *, applied: bool) -> str:
    """Returns one line with the number of objects for each action and result."""
    counts = Counter(_outcome(each) for each in report.steps)
    parts = ", ".join(f"{number} {what}" for what, number in sorted(counts.items())) or "nothing to do"
    hint = "" if applied or not any(each.step.write for each in report.steps) else "; `--apply` executes the plan"
    return f"{parts}{hint}\n"


def _outcome(report: StepReport) -> str:
    """Returns the action, and its result if it was executed."""
    return str(report.step.action) if report.result is StepResult.PLANNED else f"{report.step.action}: {report.result}"


def _row(report: StepReport) -> tuple[str, ...]:
    step = report.step
    return step.namespace, step.object, step.found, _outcome(report), report.error or step.why


def _aligned(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for row in rows:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
