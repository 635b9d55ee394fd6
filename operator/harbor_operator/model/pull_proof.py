"""The result of a pull with the content of an injected pull Secret."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProofResult(StrEnum):
    """How a proof ended; UNAVAILABLE = no answer, so nothing is proved."""

    PASSED = "passed"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof; `problem` says what is wrong with the Secret and what to do, empty unless it FAILED."""

    result: ProofResult
    problem: str = ""


PASSED = Proof(ProofResult.PASSED)
UNAVAILABLE = Proof(ProofResult.UNAVAILABLE)
