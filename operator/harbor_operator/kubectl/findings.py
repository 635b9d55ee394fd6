"""What `doctor` found."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How a finding counts; an error makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(NamedTuple):
    """One finding: the code is a heading of docs/problems.md, `where` a path of the spec."""

    level: Level
    code: str
    where: str
    text: str
    remedy: str


def has_error(findings: Sequence[Finding]) -> bool:
    """Whether one of the findings makes the exit code 1."""
    return any(finding.level is Level.ERROR for finding in findings)
