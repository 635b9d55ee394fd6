"""The house stays as it was drawn: sizes, generated files, the source root, and a remedy for every problem."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest
import yaml

from harbor_operator.api.crd import crd_yaml
from harbor_operator.checks.catalogue import CHAPTERS, HEALTHY
from harbor_operator.reasons import Reason

ROOT = Path(__file__).parent.parent
SOURCE = sorted((ROOT / "operator").rglob("*.py"))
OTHERS = ("lab", "demo", "benchmarks", "tests", "tools")
CODE = SOURCE + [path for folder in OTHERS for path in sorted((ROOT / folder).rglob("*.py"))]

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_PARAMETERS = 5
TOO_LONG: dict[str, str] = {
    "tests/contract/test_pods.py": "one list of cases for the fake and the real API server; half a list proves nothing",
    "tests/unit/injector/test_injector_model.py": "one state machine, whose rules share its state",
}
"""Files that may exceed MAX_FILE_LINES, and why."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Lines without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_or_function_outgrows_the_budget(path: Path) -> None:
    if str(path.relative_to(ROOT)) not in TOO_LONG:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    for function in functions(path):
        assert length(function) <= MAX_FUNCTION_LINES, function.name


@pytest.mark.parametrize("path", SOURCE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_asks_for_too_much(path: Path) -> None:
    for function in functions(path):
        names = [argument.arg for argument in function.args.args + function.args.kwonlyargs]
        assert len([name for name in names if name not in {"self", "cls"}]) <= MAX_PARAMETERS, function.name


def test_functions_are_short_as_a_rule() -> None:
    lengths = [length(function) for path in SOURCE for function in functions(path)]
    assert median(lengths) <= 9
    assert quantiles(lengths, n=10)[-1] <= 30


def test_operator_is_a_source_root_and_never_a_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    answer = subprocess.run(
        [sys.executable, "-c", "import operator; print(operator.__file__)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert str(ROOT) not in answer.stdout


def test_the_crd_is_up_to_date() -> None:
    assert (ROOT / "crds" / "harborregistries.yaml").read_text(encoding="utf-8") == crd_yaml(), "run `make crd`"


def test_the_generated_pages_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tools" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for page, text in module.pages().items():
        assert page.read_text(encoding="utf-8") == text, "run `make docs`"


def test_every_reason_has_a_remedy_and_a_use() -> None:
    told = [reason for problems in CHAPTERS.values() for reason in problems]
    assert set(told) == set(Reason) - HEALTHY
    assert len(told) == len(set(told))
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE if "catalogue" not in path.parts)
    unused = [reason.name for reason in Reason if f"Reason.{reason.name}" not in source]
    assert unused == []


def test_manifests_are_yaml() -> None:
    for path in [*(ROOT / "deploy").rglob("*.yaml"), *(ROOT / "crds").rglob("*.yaml")]:
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path
