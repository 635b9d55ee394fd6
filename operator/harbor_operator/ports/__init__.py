"""What we may ask of the outside: one narrow protocol per system, and the two ways it can say no."""

from __future__ import annotations

from harbor_operator.reasons import Reason


class Unavailable(Exception):  # noqa: N818 - the house has two exceptions, named for what they mean
    """The other side did not answer or asked to come back later; the pass looks again."""

    def __init__(self, message: str, reason: Reason = Reason.UNAVAILABLE, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class Refused(Exception):  # noqa: N818 - see above
    """The other side said no; somebody must change something, and the message says what."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
