"""The one conversion between outcomes and exceptions.

A helper that returns something other than an outcome raises `BlockedError` with the outcome of a check; adapters raise
`Unavailable` and `Refused`. `outcome_of` turns all three back, and only callers that must report an error next to other
work call it besides `reconciler.attempt`.
"""

from __future__ import annotations

from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.ports import Refused, Unavailable

DEFAULT_RETRY_SECONDS = 10.0


class BlockedError(Refused):
    """Carries the outcome of a check, with its facts and warnings, to the step that reports it."""

    def __init__(self, outcome: Blocked) -> None:
        super().__init__(outcome.reason, outcome.message)
        self.outcome = outcome


def raise_if_blocked(outcome: Blocked | None) -> None:
    """Raises BlockedError for the outcome of a check that did not pass."""
    if outcome is not None:
        raise BlockedError(outcome)


def outcome_of(error: Unavailable | Refused) -> Unknown | Blocked:
    """Returns the outcome that the error stands for."""
    match error:
        case BlockedError():
            return error.outcome
        case Refused():
            return Blocked(error.reason, str(error))
        case Unavailable():
            return Unknown(error.reason, str(error), requeue_after=error.retry_after or DEFAULT_RETRY_SECONDS)
