"""Each path of the custom resource in a message or a page exists in its schema."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

from harbor_operator.api.crd import crd
from tests.guards.sources import PACKAGE, ROOT, SOURCE, name, text, tree

SCHEMA: dict[str, Any] = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
QUOTED = re.compile(r"`((?:spec|status)\.[^`\s:=]+)")
ALONE = re.compile(r"(?:spec|status)\.[A-Za-z0-9_.\[\]*{}]+")


def resolves(path: str, node: dict[str, Any] = SCHEMA) -> bool:
    """Whether a path exists; '[n]', '[]', '.n', '*' and the braces of an f-string stand for any element or field."""
    steps = re.findall(r"[^.\[\]]+|\[[^\]]*\]", path)
    nodes = [node]
    for step in steps:
        nodes = [child for parent in nodes for child in children(parent, step)]
    return bool(nodes) and "".join(steps) == path.replace(".", "")


def children(node: dict[str, Any], step: str) -> list[dict[str, Any]]:
    """Returns the schemas that one step of a path can mean; below a free-form object, the object itself."""
    if step.startswith("[") or (step.isdigit() and "items" in node):
        return [node["items"]] if "items" in node and re.fullmatch(r"\[?(\d*|\*|\{.*\})\]?", step) else []
    if node.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in node:
        return [node]
    properties = node.get("properties", {})
    return list(properties.values()) if step == "*" or "{" in step else [properties[step]] if step in properties else []


def quoted_paths(source: str) -> Iterator[str]:
    """Yields the paths in back-quotes, but no file name; an expression in braces counts as one unknown field."""
    for found in QUOTED.findall(re.sub(r"\{[^{}`]*\}", "{}", source)):
        if not found.endswith(".py"):
            yield found.rstrip(".,;")


def literal_paths(module_tree: ast.Module) -> Iterator[str]:
    """Yields the string literals that are a path as a whole; an expression in braces counts as one unknown field."""
    for node in ast.walk(module_tree):
        path = _literal(node)
        if ALONE.fullmatch(path) and not path.endswith("["):  # what ends so is a piece of an f-string
            yield path.rstrip(".")


def _literal(node: ast.AST) -> str:
    """Returns the text of a string or an f-string, or nothing."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_literal(part) or "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def wrong(paths: Iterator[str]) -> list[str]:
    return [path for path in paths if not resolves(path)]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "deploy").rglob("*.yaml"))]
FRAGMENTS = sorted((ROOT / "changelog.d").glob("*.md"))


@pytest.mark.parametrize("path", [*SOURCE, *PAGES, *FRAGMENTS], ids=name)
def test_a_quoted_path_exists(path: Any) -> None:
    assert wrong(quoted_paths(text(path))) == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=name)
def test_a_literal_path_exists(path: Any) -> None:
    assert wrong(literal_paths(tree(path))) == []


@pytest.mark.parametrize(
    "path",
    [
        "spec.storage.swift.authURL",
        "spec.projects[].name",
        "spec.projects[3].name",
        "spec.cache.addresses.0",
        "spec.cache.addresses[*]",
        "spec.database.names.{}",
        "spec.*.caSecretRef",
        "spec.release.values.expose.tls",
        "status.conditions[].reason",
    ],
)
def test_the_guard_accepts_a_path_of_the_schema(path: str) -> None:
    assert resolves(path)


@pytest.mark.parametrize(
    "path",
    [
        "spec.storage.swift.authUrl",
        "spec.projects.name",
        "spec.projects[a].name",
        "spec.externalURL.host",
        "spec.database[0]",
        "spec.storage.*.nothing",
        "status.readyReplicas",
    ],
)
def test_the_guard_finds_a_path_that_does_not_exist(path: str) -> None:
    assert not resolves(path)


def test_the_guard_reads_messages() -> None:
    message = "`spec.storage.{kind}.authURL: x` and `spec.expose.tlsSecret`, see `spec.release.version`."
    paths = ["spec.storage.{}.authURL", "spec.expose.tlsSecret", "spec.release.version"]
    assert list(quoted_paths(message)) == paths
    assert wrong(iter(paths)) == ["spec.expose.tlsSecret"]
    assert wrong(literal_paths(ast.parse("x = 'spec.databas.host'; y = 'see spec.nothing'"))) == ["spec.databas.host"]
    assert wrong(literal_paths(ast.parse("x = f'spec.projects[{n}].nam'"))) == ["spec.projects[{}].nam"]
