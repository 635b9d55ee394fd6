"""A CEL rule of the CRD."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """A CEL expression that must be true, and the message when it is false."""

    expression: str
    message: str
