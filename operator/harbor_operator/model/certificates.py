"""Certificates that the operator issues, and the functions that issue and read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import SecretStr

AUTHORITY_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=365)
CLOCK_SKEW = timedelta(hours=1)
"""How much earlier than now a certificate begins to be valid: the clock of a node can be late."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its certificate, both PEM."""

    key: SecretStr
    certificate: SecretStr


@dataclass(frozen=True, slots=True)
class ObservedCertificate:
    """What a certificate says; `names` are its DNS names and IP addresses."""

    not_before: datetime
    not_after: datetime
    names: frozenset[str]


class ReadCertificate(Protocol):
    """Reads a certificate with its key."""

    def __call__(self, pair: KeyPair, authority: KeyPair) -> ObservedCertificate | None:
        """Returns the certificate; None if it cannot be read, is not the key's, or the authority did not sign it."""
        ...


@dataclass(frozen=True, slots=True)
class CertificateTools:
    """Creates certificate authorities, issues certificates, and reads both.

    `authority` takes the current time; `issue` takes the authority, the DNS names and IP addresses, and the current
    time. An authority is read as a certificate that it signed itself.
    """

    authority: Callable[[datetime], KeyPair]
    issue: Callable[[KeyPair, Sequence[str], datetime], KeyPair]
    read: ReadCertificate
