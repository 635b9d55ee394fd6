"""What is written down about a problem."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """A symptom a person sees, its cause, and the remedy, each one or two sentences of Markdown."""

    symptom: str
    cause: str
    remedy: str
