"""Which rules, patterns and limits of the schema the cases of a run have met, and which they have broken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tests.campaign.api_server import Answer
from tests.campaign.schema import Node, Spec, spec_schema, values_in

MESSAGES = {
    "pattern": "should match",
    "minLength": "should be at least",
    "maxLength": "Too long",
    "minimum": "should be greater than or equal",
    "maximum": "should be less than or equal",
    "minItems": "should have at least",
    "maxItems": "must have at most",
    "maxProperties": "must have at most",
    "enum": "Unsupported value",
}
"""Keywords of the schema, and what the API server says about a value that breaks them."""


FIXED: set[str] = set()
"""Constraints that no value can meet or break alone."""


class Coverage:
    """Counts for every constraint how often it held in an accepted spec, and how often it refused one."""

    def __init__(self) -> None:
        self._root = spec_schema()
        self.held: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()

    @property
    def constraints(self) -> set[str]:
        """Every CEL rule, pattern, limit and enumeration, with its path."""
        return {constraint for node in self._root.walk() for constraint in _constraints(node)}

    def add(self, spec: Spec, answer: Answer, *, old: Spec | None = None) -> None:
        """Counts an answer; `old` is the stored spec of an update."""
        if answer.accepted:
            before = {node.path for _, node, _ in values_in(self._root, old or {})}
            for _, node, _ in values_in(self._root, spec):
                self.held.update(_constraints(node, has_old=node.path in before))
        for place, message in answer.causes:
            self.broken.update(self._broken(place, message))

    def missing(self, *, with_updates: bool) -> list[str]:
        """Returns the constraints that only one side, or none, has been seen of.

        With updates, these are the rules that compare with the old object; otherwise all others.
        """
        constraints = self.transitions if with_updates else self.constraints - self.transitions
        return sorted(constraints - (self.held.keys() & self.broken.keys()) - FIXED)

    def summary(self) -> str:
        """Returns how many constraints were met and broken."""
        both = self.constraints & self.held.keys() & self.broken.keys()
        return f"{len(both)} of {len(self.constraints)} constraints met and broken"

    @property
    def transitions(self) -> set[str]:
        """The rules that compare with the old object."""
        return {_rule(node, rule) for node in self._root.walk() for rule in node.rules if "oldSelf" in rule["rule"]}

    def _broken(self, place: str, message: str) -> Iterable[str]:
        path = re.sub(r"\[\d+\]", "[]", place.removeprefix("spec")).removeprefix(".")
        for node in self._root.walk():
            if node.path == path or re.fullmatch(re.escape(node.path).replace(r"\{\}", r"\.[^.]+"), path):
                for rule in node.rules:
                    if rule["message"] in message:
                        yield _rule(node, rule)
                for keyword, text in MESSAGES.items():
                    if keyword in node.schema and text in message:
                        yield f"{node.path} {keyword}"


def _constraints(node: Node, *, has_old: bool = True) -> Iterable[str]:
    for rule in node.rules:
        if has_old or "oldSelf" not in rule["rule"]:
            yield _rule(node, rule)
    for keyword in MESSAGES:
        if keyword in node.schema:
            yield f"{node.path} {keyword}"


def _rule(node: Node, rule: Spec) -> str:
    return f"{node.path} rule {rule['message']}"
