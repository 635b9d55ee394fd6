from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harbor_operator.api.crd import crd
from harbor_operator.api.rules import RULES


def validations(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        yield from ((rule["rule"], rule["message"]) for rule in node.get("x-kubernetes-validations", []))
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from validations(child)


def test_every_rule_is_in_the_crd() -> None:
    expected = {(rule.expression, rule.message) for rules in RULES.values() for rule in rules}
    assert set(validations(crd())) == expected
