"""The files that the guards read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "harbor_operator"
SOURCE = sorted((ROOT / "operator").rglob("*.py"))
OTHERS = ("lab", "demo", "benchmarks", "tests", "tools")
CODE = SOURCE + [path for folder in OTHERS for path in sorted((ROOT / folder).rglob("*.py"))]


def name(path: Path) -> str:
    """The path below the repository, as messages and allow-lists write it."""
    return str(path.relative_to(ROOT))


def module(path: Path) -> str:
    """The path below the package, for example 'adapters/redis.py'."""
    return str(path.relative_to(PACKAGE))


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path))


def docstring(node: ast.AST) -> str:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return ast.get_docstring(node) or ""
    return ""


def classes(module_tree: ast.Module) -> Iterator[ast.ClassDef]:
    for node in ast.walk(module_tree):
        if isinstance(node, ast.ClassDef):
            yield node


def terminal_name(expression: ast.expr) -> str:
    """The last name of 'a.b.C' or 'C[T]'; empty for other expressions."""
    if isinstance(expression, ast.Subscript):
        return terminal_name(expression.value)
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""
