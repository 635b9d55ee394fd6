"""What a client observes at `spec.externalURL`: certificate, health, upload and pull."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the handshake showed; `fault` is what a client would stop at, None = it would go on."""

    names: tuple[str, ...]
    not_after: datetime
    fault: TlsFault | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """One part of Harbor as its own health check sees it."""

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
    """The anonymous answer to GET /v2/."""

    status: int
    challenge: str = ""
    redirect: str = ""
    is_registry: bool = True


@dataclass(frozen=True, slots=True)
class UploadResult:
    """How an upload went: the answer to POST, where it sent us, and the answer to the PATCH of one body."""

    started: int
    location: str = ""
    patched: int | None = None


@dataclass(frozen=True, slots=True)
class PullResult:
    """How far a pull came: the token service, the token at /v2/, and a manifest where there is one to ask for."""

    token: int
    accepted: int | None = None
    manifest: int | None = None
