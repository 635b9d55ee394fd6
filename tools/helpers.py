"""Lists short helpers with one caller: `PYTHONPATH=operator python tools/helpers.py`.

A private function of at most MAX_BODY_LINES lines that one place uses is often clearer inlined, unless its name
explains something. That is a decision of the reader, so this is a report and no check.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAX_BODY_LINES = 4


def helpers(source: str) -> Iterator[tuple[int, str, int]]:
    """Yields (line, name, lines of the body) of each private function that its module uses exactly once."""
    tree = ast.parse(source)
    uses = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    uses += Counter(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("_"):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        if uses[node.name] == 1 and lines <= MAX_BODY_LINES and not node.decorator_list:
            yield node.lineno, node.name, lines


def main() -> None:
    """Prints the helpers of the operator by file."""
    for path in sorted((ROOT / "operator").rglob("*.py")):
        for line, name, lines in helpers(path.read_text(encoding="utf-8")):
            print(f"{path.relative_to(ROOT)}:{line}: {name} ({lines} lines, one caller)")


if __name__ == "__main__":
    main()
