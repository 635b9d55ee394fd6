"""The schema of `spec` in crds/harborregistries.yaml as a list of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CRD = Path(__file__).parents[2] / "crds" / "harborregistries.yaml"
ITEM = "[]"
VALUE = "{}"

Spec = dict[str, Any]
Steps = tuple[str | int, ...]
"""The way from the spec to one value: names of fields and keys, and indexes of lists."""


@dataclass(frozen=True)
class Node:
    """One node of the schema; `path` names fields, `[]` the items of a list and `{}` the values of a map."""

    path: str
    schema: Spec

    @property
    def type(self) -> str:
        """The type of the values; empty if the schema names none."""
        return str(self.schema.get("type", ""))

    @property
    def fields(self) -> dict[str, Node]:
        """The fields of an object by their name."""
        return {
            name: Node(f"{self.path}.{name}".removeprefix("."), child)
            for name, child in self.schema.get("properties", {}).items()
        }

    @property
    def item(self) -> Node | None:
        """The node of a list's items."""
        items = self.schema.get("items")
        return Node(f"{self.path}{ITEM}", items) if items else None

    @property
    def value(self) -> Node | None:
        """The node of a map's values."""
        values = self.schema.get("additionalProperties")
        return Node(f"{self.path}{VALUE}", values) if values else None

    @property
    def rules(self) -> Sequence[Spec]:
        """The CEL rules of the node."""
        return list(self.schema.get("x-kubernetes-validations", []))

    def child(self, step: str | int) -> Node | None:
        """Returns the node below this one; None if the schema has none."""
        if isinstance(step, int):
            return self.item
        return self.fields.get(step) or self.value

    def walk(self) -> Iterator[Node]:
        """Yields this node and every node below it."""
        yield self
        for child in (*self.fields.values(), self.item, self.value):
            if child:
                yield from child.walk()


def spec_schema() -> Node:
    """Returns the root: the node of `spec`."""
    (version,) = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    return Node("", version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def values_in(node: Node, value: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Node, Any]]:
    """Yields every value of a spec with its place and its node; unknown fields are left out."""
    yield steps, node, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child_value in children:
        if child := node.child(step):
            yield from values_in(child, child_value, (*steps, step))
