"""Fenced blocks of the documentation, for the tests that validate and run them.

A YAML block whose first line is the comment `# NAME.yaml` is that file; later commands of the page can use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
HOW_TOS = [ROOT / "docs" / "quickstart.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
"""Pages whose commands a test runs."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
_FILE_NAME = re.compile(r"# (?P<name>[\w.-]+\.yaml)(?:,[^\n]*)?\n")


class Block(NamedTuple):
    """One fenced block: its language, its text without the indentation, and the line of its fence."""

    language: str
    text: str
    line: int

    @property
    def file_name(self) -> str:
        """The name of the file that the block shows, or an empty string."""
        found = _FILE_NAME.match(self.text) if self.language == "yaml" else None
        return found["name"] if found else ""

    @property
    def documents(self) -> list[Any]:
        """The YAML documents of the block."""
        return [document for document in yaml.safe_load_all(self.text) if document]


def blocks(text: str) -> Iterator[Block]:
    """Yields the fenced blocks of a page, in order."""
    for found in _FENCE.finditer(text):
        yield Block(found["language"], dedent(found["text"]), text.count("\n", 0, found.start()) + 1)


def page_blocks(page: Path) -> list[Block]:
    """Returns the fenced blocks of a file."""
    return list(blocks(page.read_text(encoding="utf-8")))


def registries(block: Block) -> Iterator[dict[str, Any]]:
    """Yields the HarborRegistry objects of a YAML block; a document with nothing but `spec` is a part of one."""
    for document in block.documents if block.language == "yaml" else []:
        if document.get("kind") == "HarborRegistry":
            yield document
        elif set(document) == {"spec"}:
            metadata = {"name": f"line-{block.line}", "namespace": "intra"}
            yield {
                "apiVersion": "harbor-operator.io/v1alpha1",
                "kind": "HarborRegistry",
                "metadata": metadata,
                **document,
            }
