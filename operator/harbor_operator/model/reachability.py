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


@dataclass(frozen=True, slots=True)
class PullResult:
    """A trial pull: the status of the token service, of /v2/, and of a manifest (None = not requested)."""

    token: int
    accepted: int | None = None
    manifest: int | None = None
