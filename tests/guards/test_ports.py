"""Adapters inherit their port, and no sentence of documentation is written twice."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.guards.sources import PACKAGE, SOURCE, classes, docstring, module, terminal_name, tree

MIN_WORDS = 6
"""Shorter docstrings, for example 'Name of the service account.', are equal without being copies."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def methods(node: ast.ClassDef) -> list[Function]:
    return [item for item in node.body if isinstance(item, Function)]


def ports(trees: Iterable[ast.Module]) -> dict[str, set[str]]:
    """Returns the methods of each protocol; `__call__` is one, the other special methods are not."""
    found: dict[str, set[str]] = {}
    for protocol in (node for module_tree in trees for node in classes(module_tree)):
        if "Protocol" in map(terminal_name, protocol.bases):
            found[protocol.name] = {method.name for method in methods(protocol) if not method.name.startswith("__")}
    return {port: names for port, names in found.items() if names}


def missing_bases(module_tree: ast.Module, known: Mapping[str, set[str]]) -> Iterator[str]:
    """Yields 'Class: Port' for each public class that has all methods of a port but not the port among its bases."""
    for node in classes(module_tree):
        bases = set(map(terminal_name, node.bases))
        if node.name.startswith("_") or "Protocol" in bases:
            continue
        own = {method.name for method in methods(node)}
        for port, names in known.items():
            if names <= own and port not in bases:
                yield f"{node.name}: {port}"


def repeated_docstrings(module_tree: ast.Module) -> Iterator[str]:
    """Yields the overriding methods with a docstring of their own: they inherit that of the port."""
    for node in classes(module_tree):
        for method in methods(node):
            if docstring(method) and "override" in map(terminal_name, method.decorator_list):
                yield f"{node.name}.{method.name}"


def twins(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Returns each docstring that is written in several places, with the files."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, module_tree in trees.items():
        for node in ast.walk(module_tree):
            words = re.findall(r"\w+", docstring(node).lower())
            if len(words) >= MIN_WORDS:
                places[" ".join(words)].append(path)
    return {sentence: found for sentence, found in places.items() if len(found) > 1}


PORTS = ports(tree(path) for path in (PACKAGE / "ports").glob("*.py"))
ADAPTERS = sorted((PACKAGE / "adapters").glob("*.py"))


def by_file(found: Iterable[tuple[Path, str]]) -> set[str]:
    return {f"{module(path)}:{what}" for path, what in found}


def test_an_adapter_inherits_its_port() -> None:
    found = by_file((path, what) for path in ADAPTERS for what in missing_bases(tree(path), PORTS))
    assert sorted(found) == []


def test_an_overriding_method_inherits_its_docstring() -> None:
    found = by_file((path, what) for path in ADAPTERS for what in repeated_docstrings(tree(path)))
    assert sorted(found) == []


def test_no_docstring_is_written_twice() -> None:
    assert twins({module(path): tree(path) for path in SOURCE}) == {}


PORT = """
class Store(Protocol):
    def read(self) -> str: ...
    async def write(self, text: str) -> None: ...
"""


def test_the_guard_finds_an_adapter_without_its_port() -> None:
    known = ports([ast.parse(PORT)])
    assert known == {"Store": {"read", "write"}}
    adapter = (
        "class FileStore{bases}:\n    def read(self): ...\n    def write(self, text): ...\n    def close(self): ..."
    )
    assert list(missing_bases(ast.parse(adapter.format(bases="")), known)) == ["FileStore: Store"]
    assert list(missing_bases(ast.parse(adapter.format(bases="(ports.Store)")), known)) == []
    assert list(missing_bases(ast.parse("class Half:\n    def read(self): ..."), known)) == []


def test_the_guard_finds_a_repeated_docstring() -> None:
    code = (
        "class A(Store):\n    @override\n    def read(self):\n        'Reads.'\n    def close(self):\n        'Closes.'"
    )
    assert list(repeated_docstrings(ast.parse(code))) == ["A.read"]


def test_the_guard_finds_twins() -> None:
    long, short = "'''Returns the text of the whole file, or nothing.'''", "'''Returns the text.'''"
    code = "def {0}():\n    {1}\nclass {0}C:\n    {2}"
    first, second = ast.parse(code.format("a", long, short)), ast.parse(code.format("b", long, short))
    assert list(twins({"a.py": first, "b.py": second}).values()) == [["a.py", "b.py"]]
    assert twins({"a.py": first}) == {}
