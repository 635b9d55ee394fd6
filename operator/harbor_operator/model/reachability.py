"""What a client observes at `spec.externalURL`: certificate, health, upload and pull."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server certificate as observed; `fault` is why a client refuses it, None = it does not.

    `not_after` is in UTC, `detail` the error text of OpenSSL.
    """

    names: tuple[str, ...]
    not_after: datetime
    fault: TlsFault | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """One component in Harbor's own health report."""

    name: str
    healthy: bool
    error: str = ""


class TlsFault(StrEnum):
    """Why a handshake failed."""

    UNTRUSTED = "untrusted"
    HOST_MISMATCH = "host mismatch"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class V2Response:
    """The answer to an anonymous GET /v2/.

    `challenge` is its WWW-Authenticate header, `redirect` the Location of a redirect, `is_registry` whether it names
    the distribution API.
    """

    status: int
    challenge: str = ""
    redirect: str = ""
    is_registry: bool = True


@dataclass(frozen=True, slots=True)
class UploadResult:
    """A trial upload: the status of the POST, its Location, and the status of the PATCH (None = not sent)."""

    started: int
    location: str = ""
    patched: int | None = None


class AnnouncedBody(StrEnum):
    """How a large body was answered that was announced with `Expect: 100-continue` and not sent."""

    REFUSED = "refused"
    """A proxy answered 413."""
    REACHED = "reached"
    """Harbor itself answered, so every proxy on the way forwards a request of this size."""
    INVITED = "invited"
    """The first server asked for the body; one behind it can still refuse it."""
    UNANSWERED = "unanswered"
    """Another answer, or none: nothing is proved."""


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """What is known of the largest body: the sizes in MiB that were accepted and refused; None = none was.

    `answer` is how the largest size was answered that was not refused.
    """

    answer: AnnouncedBody
    accepted_mib: int | None = None
    refused_mib: int | None = None


@dataclass(frozen=True, slots=True)
class PullResult:
    """A trial pull: the status of the token service, of /v2/, and of a manifest (None = not requested)."""

    token: int
    accepted: int | None = None
    manifest: int | None = None
