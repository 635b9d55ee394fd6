"""Strings for a node of the schema: by its pattern, at the limits of its length, and with unusual characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.campaign.schema import Node

UNUSUAL = (
    "\n",
    "\t",
    "\v",
    "\x00",
    " ",
    "\u00a0",
    "\u0085",
    "\u2028",
    "\u0661",
    "é",
    "A",
    "/",
    "@",
    "#",
    "?",
    "'",
    ",",
    "%",
)
"""Line ends and spaces that regular expressions of Go, Rust and Python treat differently, and separators."""
_CLASSES = {
    r"\p{Z}": r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\p{Cc}": r"\x00-\x1f\x7f-\x9f",
}
"""Classes of RE2 that Python's `re` does not have."""


def strings(node: Node, sample: str, number: int, random_seed: int) -> Iterator[tuple[str, str]]:
    """Yields kinds and values; `sample` is valid, and `number` is how many are generated from the pattern."""
    schema: dict[str, Any] = node.schema
    pattern = schema.get("pattern", "")
    yield "empty", ""
    yield from (("pattern", text) for text in generated(pattern, number, random_seed) if pattern)
    for limit, kinds in (("minLength", ("min-1", "min")), ("maxLength", ("max", "max+1"))):
        if limit in schema:
            lengths = (schema[limit] - 1, schema[limit]) if limit == "minLength" else (schema[limit], schema[limit] + 1)
            for kind, length in zip(kinds, lengths, strict=True):
                text = of_length(sample, pattern, length)
                if text is not None:
                    yield kind, text
    middle = len(sample) // 2
    for character in UNUSUAL:
        yield from (("unusual", text) for text in (sample + character, sample[:middle] + character + sample[middle:]))


def python_pattern(pattern: str) -> str:
    """Returns the pattern in the syntax of Python's `re`."""
    for name, characters in _CLASSES.items():
        pattern = pattern.replace(name, characters)
    return pattern


@cache
def generated(pattern: str, number: int, random_seed: int) -> tuple[str, ...]:
    """Returns strings that match the pattern."""
    found: list[str] = []

    @seed(random_seed)
    @settings(max_examples=number, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(python_pattern(pattern)))
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return tuple(dict.fromkeys(found))


def of_length(sample: str, pattern: str, length: int) -> str | None:
    """Returns a string of this length that matches the pattern, or None if no character of `sample` can repeat."""
    if length <= 0:
        return "" if length == 0 else None
    expression = re.compile(python_pattern(pattern))
    if length <= len(sample):
        shorter = (sample[:length], sample[-length:])
        return next((text for text in shorter if expression.search(text)), None)
    for index in reversed(range(len(sample))):
        text = sample[:index] + sample[index] * (length - len(sample)) + sample[index:]
        if expression.search(text):
            return text
    return None
