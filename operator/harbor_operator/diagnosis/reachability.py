"""What a client meets at `spec.externalURL`, and what it means: certificate, entrance, health, upload, pull."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.outcomes import Blocked, Caution, Pending
from harbor_operator.reasons import Reason

EXPIRY_NOTICE = timedelta(days=14)
PROBE_MIB = 2

_REALM = re.compile(r'realm="([^"]*)"')
_DEFAULT_PORTS = {"http": 80, "https": 443}


class TlsFault(StrEnum):
    """Why a handshake failed."""

    UNTRUSTED = "untrusted"
    HOST_MISMATCH = "host mismatch"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the handshake showed; `fault` is what a client would stop at, None = it would go on."""

    names: tuple[str, ...]
    not_after: datetime
    fault: TlsFault | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Entrance:
    """The anonymous answer to GET /v2/."""

    status: int
    challenge: str = ""
    redirect: str = ""
    is_registry: bool = True


@dataclass(frozen=True, slots=True)
class Component:
    """One part of Harbor as its own health check sees it."""

    name: str
    healthy: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """How an upload went: the answer to POST, where it sent us, and the answer to the PATCH of one body."""

    started: int
    location: str = ""
    patched: int | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """How far a pull came: the token service, the token at /v2/, and a manifest where there is one to ask for."""

    token: int
    accepted: int | None = None
    manifest: int | None = None


def certificate_obstacle(registry: HarborRegistry, seen: Certificate) -> Blocked | None:
    """The reason why clients refuse the certificate, if they do."""
    url, names = registry.spec.external_url, ", ".join(f"'{name}'" for name in seen.names) or "nothing"
    match seen.fault:
        case None:
            return None
        case TlsFault.UNTRUSTED:
            message = f"the certificate of {url} is not trusted: {seen.detail}; {_trust(registry)}"
            return Blocked(Reason.CERTIFICATE_UNTRUSTED, message)
        case TlsFault.HOST_MISMATCH:
            host = urlsplit(url).hostname
            return Blocked(
                Reason.CERTIFICATE_HOST_MISMATCH,
                f"the certificate of {url} is valid for {names}, not for '{host}': issue one whose subject alternative "
                f"names contain '{host}', or correct `spec.externalURL`",
            )
        case TlsFault.EXPIRED:
            return Blocked(
                Reason.CERTIFICATE_EXPIRED,
                f"the certificate of {url} is outside its time of validity ({seen.detail}, it ends "
                f"{seen.not_after:%F}): renew it where TLS ends",
            )


def _trust(registry: HarborRegistry) -> str:
    given = registry.spec.ca_secret_ref
    if given is None:
        return "name the Secret that holds its CA in `spec.caSecretRef`; now only the system's CAs are trusted"
    return f"Secret '{given.name}' (`spec.caSecretRef`) must hold its CA in key '{given.key}'"


def certificate_cautions(registry: HarborRegistry, seen: Certificate, now: datetime) -> tuple[Caution, ...]:
    """A warning when the certificate ends soon."""
    if seen.not_after - now > EXPIRY_NOTICE:
        return ()
    message = f"the certificate of {registry.spec.external_url} ends {seen.not_after:%F}: renew it, or pulls will fail"
    return (Caution(Reason.CERTIFICATE_EXPIRING, message),)


def entrance_obstacle(registry: HarborRegistry, seen: Entrance) -> Blocked | Pending | None:
    """What is wrong with the answer to GET /v2/, if anything."""
    url = registry.spec.external_url
    if seen.redirect:
        message = f"{url}/v2/ redirects to {seen.redirect}: set `spec.externalURL` to where clients end up"
        return Blocked(Reason.REGISTRY_NOT_HARBOR, message)
    if seen.status == HTTPStatus.OK and seen.is_registry:
        return None
    realm = _REALM.search(seen.challenge)
    if seen.status != HTTPStatus.UNAUTHORIZED or realm is None or not seen.challenge.lower().startswith("bearer"):
        # An ingress that has not heard of a new release yet answers like this too, hence no Blocked.
        return Pending(
            Reason.REGISTRY_NOT_HARBOR,
            f"{url}/v2/ answers HTTP {seen.status} without a token service: it must lead to Harbor; check "
            "`spec.externalURL` and where the proxy in front sends /v2/, /api/, /service/ and /c/",
        )
    if origin(realm[1]) == origin(url):
        return None
    return Blocked(
        Reason.TOKEN_SERVICE_MISMATCH,
        f"{url} sends clients for a token to {realm[1]}: Harbor's own external URL (`externalURL` in the chart's "
        f"values, `external_url` in harbor.yml) must be {url}, with scheme, host and port as clients type them",
    )


def health_obstacle(registry: HarborRegistry, seen: tuple[Component, ...]) -> Pending | None:
    """The unhealthy parts of Harbor, by name."""
    ill = [f"{part.name}{f' ({part.error})' if part.error else ''}" for part in seen if not part.healthy]
    if not ill:
        return None
    message = f"{registry.spec.external_url}/api/v2.0/health names as unhealthy: {', '.join(ill)}; see their logs"
    return Pending(Reason.REGISTRY_UNHEALTHY, message, again=10.0)


def upload_obstacle(registry: HarborRegistry, seen: Upload) -> Blocked | Pending | None:
    """What would stop a push, if anything; an upload that was not allowed to start says nothing."""
    url = registry.spec.external_url
    if HTTPStatus.REQUEST_ENTITY_TOO_LARGE in {seen.started, seen.patched}:
        return Blocked(
            Reason.PROXY_BODY_LIMIT,
            f"something in front of {url} refuses a body of {PROBE_MIB} MiB with HTTP 413: lift its limit (nginx: "
            "'client_max_body_size 0;', ingress-nginx: 'nginx.ingress.kubernetes.io/proxy-body-size: \"0\"')",
        )
    if origin(urljoin(url, seen.location)) != origin(url):
        return Blocked(
            Reason.UPLOAD_LOCATION_MISMATCH,
            f"an upload at {url} is continued at {_site(seen.location)}, where clients cannot follow: set the chart "
            "value 'registry.relativeurls' to true, or let the proxy in front pass on Host and X-Forwarded-Proto",
        )
    worst = max(seen.started, seen.patched or 0)
    if worst < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    message = f"a trial upload at {url} ended with HTTP {worst}: the registry cannot write its storage; see its log"
    return Pending(Reason.REGISTRY_UNHEALTHY, message, again=15.0)


def pull_obstacle(registry: HarborRegistry, seen: Pull) -> Blocked | Pending | None:
    """What would stop every pull; a credential that is refused is the business of the pull Secrets."""
    url = registry.spec.external_url
    if seen.accepted == HTTPStatus.UNAUTHORIZED:
        return Blocked(
            Reason.TOKEN_SERVICE_MISMATCH,
            f"{url} does not accept the tokens that its own token service issues: all replicas of core must hold the "
            "same key pair (chart value 'core.secretName'), and their clocks must agree",
        )
    worst = max(seen.token, seen.accepted or 0, seen.manifest or 0)
    if worst < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    message = f"a trial pull at {url} ended with HTTP {worst}: see the logs of core and registry"
    return Pending(Reason.REGISTRY_UNHEALTHY, message, again=30.0)


def _site(url: str) -> str:
    # The rest of a Location is a signed state, different each time.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; a default port counts as written out."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or ""), parts.port or _DEFAULT_PORTS.get(parts.scheme)
