"""A module-level number says its unit in its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.guards.sources import SOURCE, name, tree

UNITS = "SECONDS|MIB|KIB|GIB|BYTES|DAYS|YEARS|CHARACTERS|LENGTH|LINES|PORT|VERSION|COUNT|FACTOR|SHARE|GENERATION"
COUNTED = (
    "ANSWERS|ATTEMPTS|DATABASES|DOUBLINGS|ENTRIES|FAILURES|ITEMS|NAMESPACES|OBJECTS|PODS|REPAIRS|REPOSITORIES"
    "|REQUESTS|SAMPLES|WORKLOADS|WRITES"
)
NAMED = re.compile(rf"_*((MAX|MIN)_\w+|(\w+_)?({UNITS}|{COUNTED})(_PER_(SECOND|{UNITS}))?)")
ARGUED = {
    "UNLIMITED": "Harbor's own value for 'no quota'",
}
"""Names of numbers without a unit, and why."""


def is_number(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case _:
            return False


def unnamed_numbers(module_tree: ast.Module) -> Iterator[str]:
    """Yields the module-level constants whose number has neither a unit nor a bound in its name."""
    for statement in module_tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value and is_number(statement.value):
            for target in targets:
                if isinstance(target, ast.Name) and not NAMED.fullmatch(target.id) and target.id not in ARGUED:
                    yield target.id


def test_a_number_has_a_unit() -> None:
    found = {f"{name(path)}:{constant}" for path in SOURCE for constant in unnamed_numbers(tree(path))}
    assert sorted(found) == []


def test_the_guard_finds_a_number_without_a_unit() -> None:
    code = "MEMORY = 600\n_LATELY: float = 60 * 5\nFIRST = -1\nON = True\nNAME = 'a'\nLIST = (1, 2)"
    assert list(unnamed_numbers(ast.parse(code))) == ["MEMORY", "_LATELY", "FIRST"]


def test_the_guard_accepts_units_and_bounds() -> None:
    names = ["A_SECONDS", "_MAX_LINE", "MIN_ITEMS", "MIB", "KIB_PER_GIB", "RPC_PORT", "FIRST_WRITES_PER_SECOND"]
    code = "\n".join(f"{constant} = 1" for constant in names)
    assert list(unnamed_numbers(ast.parse(code))) == []
