"""Reads deploy/chart/values.yaml with its comments: one entry for each value, in the order of the file.

The comment above a key is its description. A line `@schema JSON` in it adds keywords of JSON Schema, and a line
`+docs:section=TITLE` begins a section of the reference. A mapping is a section of its own unless it is empty or has an
`@schema` line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

_KEY = re.compile(r"^( *)(\w+):")
_COMMENT = re.compile(r"^ *# ?(.*)$")
_SECTION = "+docs:section="
_SCHEMA = "@schema "

Path = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One value of the chart: its path, default and description, and keywords for its schema."""

    path: Path
    default: Any
    description: str
    section: str
    keywords: dict[str, Any]

    @property
    def name(self) -> str:
        """The path as `--set` takes it."""
        return ".".join(self.path)


@dataclass
class _Reader:
    defaults: dict[str, Any]
    section: str = ""
    words: list[str] = field(default_factory=list)
    keywords: dict[str, Any] | None = None
    parents: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def read(self, line: str) -> None:
        comment, key = _COMMENT.match(line), _KEY.match(line)
        if comment:
            self._read_comment(comment[1])
        elif key:
            self._read_key(len(key[1]) // 2, key[2])
        elif not line.strip():
            self._forget()

    def _read_comment(self, text: str) -> None:
        if text.startswith(_SECTION):
            self.section = text.removeprefix(_SECTION)
        elif text.startswith(_SCHEMA):
            self.keywords = json.loads(text.removeprefix(_SCHEMA))
        else:
            self.words.append(text)

    def _read_key(self, depth: int, name: str) -> None:
        if depth > len(self.parents):
            return  # a part of the default of a value
        path = (*self.parents[:depth], name)
        default = self._default(path)
        self.parents = list(path[:-1])
        if self.keywords is None and isinstance(default, dict) and default:
            self.parents = list(path)
        else:
            self.entries.append(Entry(path, default, " ".join(self.words), self.section, self.keywords or {}))
        self._forget()

    def _default(self, path: Path) -> Any:
        value: Any = self.defaults
        for name in path:
            value = value[name]
        return value

    def _forget(self) -> None:
        self.words, self.keywords = [], None


def read_entries(text: str) -> list[Entry]:
    """Returns the values of a chart from the text of its values.yaml."""
    reader = _Reader(yaml.safe_load(text))
    for line in text.splitlines():
        reader.read(line)
    return reader.entries
