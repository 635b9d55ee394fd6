"""Sizes, the source root, a remedy for every reason, and tests that mirror modules."""

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
from tests.guards import pending
from tests.guards.sources import CODE, ROOT, SOURCE, classes, name, text, tree

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
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Lines without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", CODE, ids=name)
def test_no_file_or_function_outgrows_the_budget(path: Path) -> None:
    if name(path) not in TOO_LONG:
        assert len(text(path).splitlines()) <= MAX_FILE_LINES
    for function in functions(path):
        assert length(function) <= MAX_FUNCTION_LINES, function.name


@pytest.mark.parametrize("path", SOURCE, ids=name)
def test_no_function_has_too_many_parameters(path: Path) -> None:
    for function in functions(path):
        names = [argument.arg for argument in function.args.args + function.args.kwonlyargs]
        assert len([name for name in names if name not in {"self", "cls"}]) <= MAX_PARAMETERS, function.name


def test_functions_are_short_as_a_rule() -> None:
    lengths = [length(function) for path in SOURCE for function in functions(path)]
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
    for path in [*(ROOT / "deploy").rglob("*.yaml"), *(ROOT / "crds").rglob("*.yaml")]:
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path


WITHOUT_MODULE = {
    "tests/unit/test_monitoring.py": "checks deploy/monitoring, which is not Python",
}
"""Unit tests that mirror no module, and why."""


def mirrors_a_module(path: Path, root: Path = ROOT) -> bool:
    """Whether 'tests/unit/<package>/test_<module>.py' or 'test_<module>_<topic>.py' has its module."""
    package = path.relative_to(root / "tests" / "unit").parent
    words = path.stem.removeprefix("test_").split("_")
    stems = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    folders = [root / "operator" / "harbor_operator" / package, *([root / package] if package.parts else [])]
    return any((folder / f"{stem}.py").is_file() or (folder / stem).is_dir() for folder in folders for stem in stems)


def test_unit_tests_mirror_modules() -> None:
    tests = sorted((ROOT / "tests" / "unit").rglob("test_*.py"))
    violations = {name(path) for path in tests if not mirrors_a_module(path)}
    assert pending.differences(violations, [*WITHOUT_MODULE, *pending.WITHOUT_MODULE]) == []


def test_the_mirror_guard_finds_a_test_without_a_module(tmp_path: Path) -> None:
    (tmp_path / "operator/harbor_operator/plan").mkdir(parents=True)
    (tmp_path / "operator/harbor_operator/plan/cache.py").touch()
    assert mirrors_a_module(tmp_path / "tests/unit/plan/test_cache.py", tmp_path)
    assert mirrors_a_module(tmp_path / "tests/unit/plan/test_cache_sentinel.py", tmp_path)
    assert not mirrors_a_module(tmp_path / "tests/unit/plan/test_caches.py", tmp_path)
    assert not mirrors_a_module(tmp_path / "tests/unit/plans/test_cache.py", tmp_path)
    assert not mirrors_a_module(tmp_path / "tests/unit/test_cache.py", tmp_path)


def has_unnamed_fixture(module_tree: ast.Module) -> bool:
    """Whether a class is called World, which says nothing about what it contains."""
    return any(found.name == "World" for found in classes(module_tree))


def test_fixtures_are_named_by_what_they_contain() -> None:
    found = {name(path) for path in CODE if has_unnamed_fixture(tree(path))}
    assert pending.differences(found, pending.UNNAMED_FIXTURES) == []


def test_the_fixture_guard_finds_a_world() -> None:
    assert has_unnamed_fixture(ast.parse("def f():\n    class World: ..."))
    assert not has_unnamed_fixture(ast.parse("class DatabaseFixture: ..."))
