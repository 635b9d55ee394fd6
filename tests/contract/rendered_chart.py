"""Finds parts of the objects that the operator's chart renders."""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]

POD = "spec/template/spec"
CONTAINER = f"{POD}/containers/0"


def find(objects: list[Manifest], kind: str, name: str = "harbor-operator") -> Manifest | None:
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name]
    return found[0] if found else None


def at(objects: list[Manifest], where: str) -> Any:
    """Returns the part of an object at 'KIND [-SUFFIX] [PATH]', or None."""
    kind, *rest = where.split(" ")
    suffix = rest.pop(0) if rest and rest[0].startswith("-") else ""
    name = "harborregistries.harbor-operator.io" if kind == "CustomResourceDefinition" else f"harbor-operator{suffix}"
    part: Any = find(objects, kind, name)
    for step in rest[0].split("/") if rest else []:
        part = next(iter(part[int(step) :]), None) if isinstance(part, list) else (part or {}).get(step)
    return part
