"""The certificates of `spec.internalTLS`: which processes need one, for which names, and when each is renewed.

A new authority is trusted for OVERLAP before it signs, because pods that have not restarted yet know the earlier one
only. The key of the earlier one is deleted then, and its certificate stays trusted until it expires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.certificates import CertificateTools, KeyPair, ObservedCertificate
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import CA_KEY, ca_bundle

OVERLAP = timedelta(days=30)
"""How long a new authority is trusted before it signs."""

CERTIFICATE_KEY, PRIVATE_KEY = "tls.crt", "tls.key"
AUTHORITY_KEY = "ca.key"
_NEXT_CERTIFICATE, _NEXT_KEY, _EARLIER = "next.crt", "next.key", "earlier.crt"


class TlsComponent(StrEnum):
    """A process of Harbor with a certificate of its own; the value is the chart's section and ends its Service."""

    CORE = "core"
    JOBSERVICE = "jobservice"
    REGISTRY = "registry"
    PORTAL = "portal"
    TRIVY = "trivy"
    CHARTMUSEUM = "chartmuseum"
    CLAIR = "clair"


# The health check of core and its own requests go to the loopback address.
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Authorities:
    """The authority that signs, the one that will sign after it, and the certificate of the one before."""

    current: KeyPair
    next: KeyPair | None = None
    earlier: str = ""

    @property
    def trusted(self) -> str:
        """The PEM bundle that the pods trust."""
        following = self.next.certificate.get_secret_value() if self.next else ""
        return ca_bundle([self.current.certificate.get_secret_value(), following, self.earlier])


def is_enabled(registry: HarborRegistry) -> bool:
    """Whether the operator provides the certificates of the release."""
    return registry.spec.internal_tls is not None and registry.spec.internal_tls.enabled


def certificate_names(registry: HarborRegistry, component: TlsComponent, full_name: str) -> tuple[str, ...]:
    """Returns the names under which other processes reach this one: those of its Service, which begins `full_name`."""
    service, namespace = f"{full_name}-{component}", registry.metadata.namespace
    local = _LOCAL if component is TlsComponent.CORE else ()
    return (service, f"{service}.{namespace}", f"{service}.{namespace}.svc", *local)


def renew_at(certificate: ObservedCertificate) -> datetime:
    """Returns when the certificate is renewed: after two thirds of its life."""
    return certificate.not_before + (certificate.not_after - certificate.not_before) * 2 / 3


def is_due(certificate: ObservedCertificate | None, wanted: Sequence[str], now: datetime) -> bool:
    """Whether another certificate has to be issued: there is none, it lacks a name, or most of its life is over."""
    return certificate is None or not certificate.names.issuperset(wanted) or now >= renew_at(certificate)


def plan_authorities(found: Authorities | None, tools: CertificateTools, now: datetime) -> Authorities:
    """Returns the authorities that should exist now; equal to `found` if nothing has to change."""
    seen = tools.read(found.current, found.current) if found else None
    if found is None or seen is None or now >= seen.not_after:
        return Authorities(tools.authority(now))
    if now < renew_at(seen):
        return found
    following = tools.read(found.next, found.next) if found.next else None
    if found.next is None or following is None:
        return replace(found, next=tools.authority(now))
    if now >= following.not_before + OVERLAP:
        return Authorities(found.next, earlier=found.current.certificate.get_secret_value())
    return found


def read_authorities(values: Mapping[str, SecretStr]) -> Authorities | None:
    """Returns the authorities that the Secret contains, or None."""
    current = _pair(values, CA_KEY, AUTHORITY_KEY)
    if current is None:
        return None
    earlier = values[_EARLIER].get_secret_value() if _EARLIER in values else ""
    return Authorities(current, _pair(values, _NEXT_CERTIFICATE, _NEXT_KEY), earlier)


def authority_values(authorities: Authorities) -> dict[str, SecretStr]:
    """Returns the content of the Secret with the authorities."""
    values = {CA_KEY: authorities.current.certificate, AUTHORITY_KEY: authorities.current.key}
    if authorities.next:
        values |= {_NEXT_CERTIFICATE: authorities.next.certificate, _NEXT_KEY: authorities.next.key}
    return {**values, _EARLIER: SecretStr(authorities.earlier)} if authorities.earlier else values


def read_pair(values: Mapping[str, SecretStr]) -> KeyPair | None:
    """Returns the key and certificate that the Secret of a process contains, or None."""
    return _pair(values, CERTIFICATE_KEY, PRIVATE_KEY)


def certificate_values(pair: KeyPair, trusted: str) -> dict[str, SecretStr]:
    """Returns the content of the Secret of a process, under the keys that the chart mounts."""
    return {CERTIFICATE_KEY: pair.certificate, PRIVATE_KEY: pair.key, CA_KEY: SecretStr(trusted)}


def certificate_text(values: Mapping[str, SecretStr]) -> str:
    """Returns what the pods read, without the key: it changes with each certificate, and with each authority."""
    return "".join(values[key].get_secret_value() for key in (CERTIFICATE_KEY, CA_KEY))


def certificate_secrets(registry: HarborRegistry) -> list[str]:
    """Returns the names of all Secrets that this module describes."""
    return [
        names.internal_tls_authority(registry),
        *(names.internal_tls_secret(registry, component) for component in TlsComponent),
    ]


def _pair(values: Mapping[str, SecretStr], certificate: str, key: str) -> KeyPair | None:
    return KeyPair(values[key], values[certificate]) if {certificate, key} <= values.keys() else None
