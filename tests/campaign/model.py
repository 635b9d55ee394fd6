"""The cases of the campaign: each changes one place of a spec, and the schema of the CRD says which there are.

The kinds follow Acto (Sun et al., SOSP 2023): each field is set, emptied and deleted, with the values that its type,
its limits, its pattern and its words suggest.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import ValidationError

from harbor_operator.api.v1alpha1 import HarborRegistrySpec
from tests.campaign.schema import Node, Spec, Steps, spec_schema, values_in
from tests.campaign.seeds import SEEDS
from tests.campaign.strings import strings

STRINGS_BY_PATTERN = 8
# What the API server refuses is not deployed, and unusual characters are the subject of the schema's differential.
DEPLOYED_KINDS = {"add", "delete", "enum", "toggle", "min", "max", "pattern", "push", "pop", "empty"}
"""Kinds of the cases that are deployed."""


class _Removed(Enum):
    REMOVED = "removed"


REMOVED = _Removed.REMOVED
"""The value of a case that deletes a field or an item."""


@dataclass(frozen=True)
class Case:
    """One change of a spec; `seed` is the name of a valid spec that contains the parent of `steps`."""

    path: str
    kind: str
    seed: str
    steps: Steps
    value: Any

    def precondition(self, spec: Spec) -> bool:
        """Whether the spec contains the place that the case changes, so that it needs no setup."""
        parent = find(spec, self.steps[:-1])
        last = self.steps[-1]
        if isinstance(last, int):
            return isinstance(parent, list) and last <= len(parent) - (self.value is REMOVED)
        return isinstance(parent, dict) and (self.value is not REMOVED or last in parent)

    def setup(self, spec: Spec) -> Spec:
        """Returns the spec with the sections of the seed; the other sections stay."""
        return copy.deepcopy({**spec, **SEEDS[self.seed]})

    def mutate(self, spec: Spec) -> Spec:
        """Returns the changed spec; the precondition must hold."""
        changed = copy.deepcopy(spec)
        parent, last = find(changed, self.steps[:-1]), self.steps[-1]
        if self.value is REMOVED:
            del parent[last]
        elif isinstance(last, int) and last == len(parent):
            parent.append(copy.deepcopy(self.value))
        else:
            parent[last] = copy.deepcopy(self.value)
        return changed

    @property
    def place(self) -> str:
        """The place as messages write it."""
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps)
        return f"spec{text}"


def find(value: Any, steps: Iterable[str | int]) -> Any:
    """Returns the value at the place; None if there is none."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def is_valid(spec: Spec) -> bool:
    """Whether the model accepts the spec."""
    try:
        HarborRegistrySpec.parse(spec)
    except ValidationError:
        return False
    return True


REFUSED_EVERYWHERE: Mapping[str, Any] = {"storage.migration.to.s3.ambientIdentity": {}}
"""Values of fields that no valid spec has: a rule refuses them."""


def cases(random_seed: int, seeds: Mapping[str, Spec] = SEEDS) -> list[Case]:
    """Returns every case; equal seeds of the random generator give equal cases."""
    root = spec_schema()
    samples = _samples(root, SEEDS)
    found: dict[str, Case] = {}
    known: set[str] = set()
    for name, spec in seeds.items():
        for steps, node, value in values_in(root, spec):
            for case in _structural(name, steps, node, value, samples):
                found.setdefault(f"{case.seed} {case.steps} {case.value!r}", case)
            if steps and node.path not in known:
                known.add(node.path)
                for kind, replacement in _values(node, value, random_seed):
                    case = Case(node.path, kind, name, steps, replacement)
                    found.setdefault(f"{case.seed} {case.steps} {case.value!r}", case)
    return _without_repetition(root, found.values())


def _without_repetition(root: Node, found: Iterable[Case]) -> list[Case]:
    """Drops the unusual strings of a node that equals an earlier one in pattern and limits."""
    first: dict[str, str] = {}
    for node in root.walk():
        rules = {key: value for key, value in node.schema.items() if key not in {"description", "default"}}
        first.setdefault(repr(rules), node.path)
    firsts = set(first.values())
    return [case for case in found if case.kind != "unusual" or case.path in firsts]


def _samples(root: Node, seeds: Mapping[str, Spec]) -> dict[str, Any]:
    """Returns a valid value for every path of the schema."""
    found: dict[str, Any] = dict(REFUSED_EVERYWHERE)
    for spec in seeds.values():
        for _, node, value in values_in(root, spec):
            found.setdefault(node.path, value)
    return found


def _structural(name: str, steps: Steps, node: Node, value: Any, samples: Mapping[str, Any]) -> Iterator[Case]:
    """Yields the cases that add or remove fields and items."""
    if isinstance(value, dict):
        for field, child in node.fields.items():
            if field in value:
                yield Case(child.path, "delete", name, (*steps, field), REMOVED)
            else:
                yield Case(child.path, "add", name, (*steps, field), samples[child.path])
        for key in value.keys() - node.fields.keys():
            yield Case(f"{node.path}{{}}", "delete", name, (*steps, key), REMOVED)
    if isinstance(value, list) and value:
        path = f"{node.path}[]"
        yield Case(path, "push", name, (*steps, len(value)), samples[path])
        yield Case(path, "duplicate", name, (*steps, len(value)), value[0])
        yield Case(path, "pop", name, (*steps, 0), REMOVED)


def _values(node: Node, sample: Any, random_seed: int) -> Iterator[tuple[str, Any]]:
    """Yields the values that replace one value of the node, and what each tries."""
    yield "null", None
    others: tuple[Any, ...] = ("1", "true", 1, 1.0, 1.5, True, {}, [])
    for other in others:
        if type(other) is not type(sample):
            yield "type", other
    for word in node.schema.get("enum", ()):
        yield "enum", word
    match node.type:
        case "string":
            yield from strings(node, sample, STRINGS_BY_PATTERN, random_seed)
        case "integer":
            yield from _integers(node)
        case "boolean":
            yield "toggle", not sample
        case "object":
            yield from _objects(node, sample)
        case "array":
            yield from _arrays(node, sample)
        case _:
            yield "change", "text"


def _integers(node: Node) -> Iterator[tuple[str, Any]]:
    if "minimum" in node.schema:
        yield from (("min-1", node.schema["minimum"] - 1), ("min", node.schema["minimum"]))
    if "maximum" in node.schema:
        yield from (("max", node.schema["maximum"]), ("max+1", node.schema["maximum"] + 1))
    yield from (("large", number) for number in (0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 10**30))


def _objects(node: Node, sample: Any) -> Iterator[tuple[str, Any]]:
    yield "empty", {}
    yield "unknown", {**sample, "unknownField": 1}
    for field in node.fields:
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)
        if field in sample and snake != field:
            renamed = {snake if name == field else name: value for name, value in sample.items()}
            yield "name", renamed
    if node.value and (limit := node.schema.get("maxProperties")):
        one = next(iter(sample.values()))
        yield from (("max", {f"k{i}": one for i in range(limit)}), ("max+1", {f"k{i}": one for i in range(limit + 1)}))


def _arrays(node: Node, sample: Any) -> Iterator[tuple[str, Any]]:
    yield "empty", []
    key = (node.schema.get("x-kubernetes-list-map-keys") or [""])[0]
    for limit in (node.schema.get("maxItems"),):
        if limit:
            yield from (
                (kind, _many(sample[0], key, number)) for kind, number in (("max", limit), ("max+1", limit + 1))
            )


def _many(item: Any, key: str, number: int) -> list[Any]:
    """Returns distinct items if they have a key, or if they are text."""
    if key:
        return [{**item, key: f"{item[key]}{index}"} for index in range(number)]
    if isinstance(item, str):
        return [f"{item}{index}" if index else item for index in range(number)]
    return [item] * number
