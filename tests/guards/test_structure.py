"""Sizes, the source root, valid manifests, and a remedy for every reason."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest
import yaml

from harbor_operator.checks.catalogue import CHAPTERS, HEALTHY
from harbor_operator.reasons import Reason
from tests.guards.sources import CODE, ROOT, SOURCE, name, text, tree

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_PARAMETERS = 5
TOO_LONG: dict[str, str] = {
    "operator/harbor_operator/api/v1alpha1.py": "the custom resource in one file, in the order of docs/resource.md",
    "operator/harbor_operator/injector/injector.py": "one class, whose queries and events share its state",
    "operator/harbor_operator/plan/injection.py": "one plan; its rules share their order and their helpers",
    "operator/harbor_operator/steps/pull_secrets.py": "one step; its verbs share the order of claim, login and policy",
    "tests/contract/test_pods.py": "one list of cases for the fake and the real API server; half a list proves nothing",
    "tests/contract/test_helm_process.py": "one list of cases for one program, which share its script",
    "tests/contract/test_postgres.py": "one list of cases for the fake and the real server; half a list proves nothing",
    "tests/unit/injector/test_injector_model.py": "one state machine, whose rules share its state",
}
"""Files, or functions as 'file:function', that may exceed the budget, and why."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module_tree: ast.Module) -> Iterator[Function]:
    for node in ast.walk(module_tree):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Lines without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def over_budget(path: str, source: str) -> Iterator[str]:
    """Yields what is too long or has too many parameters; only the operator's own functions count parameters."""
    if len(source.splitlines()) > MAX_FILE_LINES:
        yield path
    for function in functions(ast.parse(source)):
        names = [argument.arg for argument in function.args.args + function.args.kwonlyargs]
        parameters = len([name for name in names if name not in {"self", "cls"}])
        if length(function) > MAX_FUNCTION_LINES or (path.startswith("operator/") and parameters > MAX_PARAMETERS):
            yield f"{path}:{function.name}"


@pytest.mark.parametrize("path", CODE, ids=name)
def test_no_file_or_function_exceeds_the_budget(path: Path) -> None:
    assert [what for what in over_budget(name(path), text(path)) if what not in TOO_LONG] == []


def test_every_exception_is_needed() -> None:
    paths = {ROOT / what.split(":")[0] for what in TOO_LONG}
    assert set(TOO_LONG) <= {what for path in paths for what in over_budget(name(path), text(path))}


def test_the_budget_guard_finds_what_is_too_long() -> None:
    lines = "\n".join("    x = 1" for _ in range(MAX_FUNCTION_LINES + 1))
    assert list(over_budget("lab/a.py", f"def f():\n{lines}")) == ["lab/a.py:f"]
    assert list(over_budget("lab/a.py", "x = 1\n" * (MAX_FILE_LINES + 1))) == ["lab/a.py"]
    parameters = "class C:\n    def f(self, a, b, c, d, *, e, f): ..."
    assert list(over_budget("operator/a.py", parameters)) == ["operator/a.py:f"]
    assert list(over_budget("tests/a.py", parameters)) == []


def test_functions_are_short_as_a_rule() -> None:
    lengths = [length(function) for path in SOURCE for function in functions(tree(path))]
    assert median(lengths) <= 9
    assert quantiles(lengths, n=10)[-1] <= 30


def test_operator_is_a_source_root_and_never_a_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    process = subprocess.run(
        [sys.executable, "-c", "import operator; print(operator.__file__)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert str(ROOT) not in process.stdout


def test_every_reason_has_a_remedy_and_a_use() -> None:
    explained = [reason for problems in CHAPTERS.values() for reason in problems]
    assert set(explained) == set(Reason) - HEALTHY
    assert len(explained) == len(set(explained))
    source = "\n".join(text(path) for path in SOURCE if "catalogue" not in path.parts)
    unused = [reason.name for reason in Reason if f"Reason.{reason.name}" not in source]
    assert unused == []


def test_manifests_are_yaml() -> None:
    templates = ROOT / "deploy" / "chart" / "templates"
    for path in [*(ROOT / "deploy").rglob("*.yaml"), *(ROOT / "crds").rglob("*.yaml")]:
        if path.is_relative_to(templates):
            continue  # YAML only after rendering
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path
