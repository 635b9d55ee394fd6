"""The interfaces to other systems: one narrow protocol per system, and the two exceptions that every adapter raises."""

from __future__ import annotations

from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.reasons import Reason


class Unavailable(Exception):  # noqa: N818 - the adapters raise two exceptions, named for what they mean
    """The other system did not answer or asked for a later attempt; the next reconciliation tries again.

    `retry_after` is in seconds; None leaves the delay to the caller.
    """

    def __init__(self, message: str, reason: Reason = Reason.UNAVAILABLE, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class Refused(Exception):  # noqa: N818 - see above
    """The other system rejected the request; manual action is required, and the message says which."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def as_error(finding: Blocked | Unknown, retry_after: float | None = None) -> Refused | Unavailable:
    """Returns the exception that carries a finding: Refused for Blocked, Unavailable for Unknown."""
    if isinstance(finding, Blocked):
        return Refused(finding.reason, finding.message)
    return Unavailable(finding.message, finding.reason, retry_after)
