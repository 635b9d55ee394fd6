"""The table and the JSON of a migration."""

from __future__ import annotations

import json

from harbor_operator.migration.report import render_json, render_table, summarize
from harbor_operator.model.migration import (
    DeleteDouble,
    MigrationAction,
    MigrationReport,
    MigrationStep,
    StepReport,
    StepResult,
    Tool,
)

KEPT = MigrationStep("app", "Secret", "regcred", "Secret of tamcore", MigrationAction.KEEP, "a pod refers to it")
DELETED = MigrationStep(
    "application", "Secret", "x", "found", MigrationAction.DELETE, "it is a double", DeleteDouble("a", "x", "u", "1")
)


def report(*steps: StepReport, warnings: tuple[str, ...] = ()) -> MigrationReport:
    return MigrationReport(Tool.TAMCORE, "intra/cr", steps, warnings)


def test_the_table_has_one_aligned_line_for_each_object() -> None:
    planned = report(StepReport(KEPT, StepResult.PLANNED), StepReport(DELETED, StepResult.FAILED, "not allowed"))
    assert render_table(planned).splitlines() == [
        "NAMESPACE     OBJECT           FOUND               ACTION           WHY",
        "app           Secret/regcred   Secret of tamcore   keep             a pod refers to it",
        "application   Secret/x         found               delete: failed   not allowed",
    ]
    assert render_table(report()) == "Nothing of tamcore is left that HarborRegistry 'intra/cr' could take over.\n"


def test_the_json_has_every_column_and_the_warnings() -> None:
    content = json.loads(render_json(report(StepReport(DELETED, StepResult.CHANGED), warnings=("it runs",))))
    assert (content["from"], content["registry"], content["complete"]) == ("tamcore", "intra/cr", False)
    assert content["warnings"] == ["it runs"]
    (step,) = content["steps"]
    assert step["result"] == "changed meanwhile"
    assert "error" not in step
    (failed,) = json.loads(render_json(report(StepReport(DELETED, StepResult.FAILED, "no"))))["steps"]
    assert failed["error"] == "no"


def test_the_summary_counts_and_names_the_option_that_writes() -> None:
    planned = report(StepReport(DELETED, StepResult.PLANNED), StepReport(KEPT, StepResult.PLANNED))
    assert summarize(planned, applied=False) == "1 delete, 1 keep; `--apply` executes the plan\n"
    done = report(StepReport(DELETED, StepResult.DONE), StepReport(KEPT, StepResult.PLANNED))
    assert summarize(done, applied=True) == "1 delete: done, 1 keep\n"
    assert summarize(report(StepReport(KEPT, StepResult.PLANNED)), applied=False) == "1 keep\n"
    assert summarize(report(), applied=False) == "nothing to do\n"
