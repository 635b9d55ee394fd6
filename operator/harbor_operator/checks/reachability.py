"""What a client meets at `spec.externalURL`, and what it means: certificate, entrance, health, upload, pull."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Pending, StatusWarning
from harbor_operator.model.reachability import Certificate, Component, PullResult, TlsFault, UploadResult, V2Response
from harbor_operator.reasons import Reason

EXPIRY_NOTICE = timedelta(days=14)
PROBE_MIB = 2

_REALM = re.compile(r'realm="([^"]*)"')
_DEFAULT_PORTS = {"http": 80, "https": 443}


def check_certificate(registry: HarborRegistry, observed: Certificate) -> Blocked | None:
    """The reason why clients refuse the certificate, if they do."""
    url, names = registry.spec.external_url, ", ".join(f"'{name}'" for name in observed.names) or "nothing"
    match observed.fault:
        case None:
            return None
        case TlsFault.UNTRUSTED:
            message = f"the certificate of {url} is not trusted: {observed.detail}; {_trust(registry)}"
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
                f"the certificate of {url} is outside its time of validity ({observed.detail}, it ends "
                f"{observed.not_after:%F}): renew it where TLS ends",
            )


def _trust(registry: HarborRegistry) -> str:
    given = registry.spec.ca_secret_ref
    if given is None:
        return "name the Secret that holds its CA in `spec.caSecretRef`; now only the system's CAs are trusted"
    return f"Secret '{given.name}' (`spec.caSecretRef`) must hold its CA in key '{given.key}'"


def certificate_warnings(registry: HarborRegistry, observed: Certificate, now: datetime) -> tuple[StatusWarning, ...]:
    """A warning when the certificate ends soon."""
    if observed.not_after - now > EXPIRY_NOTICE:
        return ()
    message = (
        f"the certificate of {registry.spec.external_url} ends {observed.not_after:%F}: renew it, or pulls will fail"
    )
    return (StatusWarning(Reason.CERTIFICATE_EXPIRING, message),)


def check_v2_response(registry: HarborRegistry, observed: V2Response) -> Blocked | Pending | None:
    """What is wrong with the answer to GET /v2/, if anything."""
    url = registry.spec.external_url
    if observed.redirect:
        message = f"{url}/v2/ redirects to {observed.redirect}: set `spec.externalURL` to where clients end up"
        return Blocked(Reason.REGISTRY_NOT_HARBOR, message)
    if observed.status == HTTPStatus.OK and observed.is_registry:
        return None
    realm = _REALM.search(observed.challenge)
    if (
        observed.status != HTTPStatus.UNAUTHORIZED
        or realm is None
        or not observed.challenge.lower().startswith("bearer")
    ):
        # An ingress that has not heard of a new release yet answers like this too, hence no Blocked.
        return Pending(
            Reason.REGISTRY_NOT_HARBOR,
            f"{url}/v2/ answers HTTP {observed.status} without a token service: it must lead to Harbor; check "
            "`spec.externalURL` and where the proxy in front sends /v2/, /api/, /service/ and /c/",
        )
    if origin(realm[1]) == origin(url):
        return None
    return Blocked(
        Reason.TOKEN_SERVICE_MISMATCH,
        f"{url} sends clients for a token to {realm[1]}: Harbor's own external URL (`externalURL` in the chart's "
        f"values, `external_url` in harbor.yml) must be {url}, with scheme, host and port as clients type them",
    )


def check_health(registry: HarborRegistry, observed: tuple[Component, ...]) -> Pending | None:
    """The unhealthy parts of Harbor, by name."""
    ill = [f"{part.name}{f' ({part.error})' if part.error else ''}" for part in observed if not part.healthy]
    if not ill:
        return None
    message = f"{registry.spec.external_url}/api/v2.0/health names as unhealthy: {', '.join(ill)}; see their logs"
    return Pending(Reason.REGISTRY_UNHEALTHY, message, requeue_after=10.0)


def check_upload(registry: HarborRegistry, observed: UploadResult) -> Blocked | Pending | None:
    """What would stop a push, if anything; an upload that was not allowed to start says nothing."""
    url = registry.spec.external_url
    if HTTPStatus.REQUEST_ENTITY_TOO_LARGE in {observed.started, observed.patched}:
        return Blocked(
            Reason.PROXY_BODY_LIMIT,
            f"something in front of {url} refuses a body of {PROBE_MIB} MiB with HTTP 413: lift its limit (nginx: "
            "'client_max_body_size 0;', ingress-nginx: 'nginx.ingress.kubernetes.io/proxy-body-size: \"0\"')",
        )
    if origin(urljoin(url, observed.location)) != origin(url):
        return Blocked(
            Reason.UPLOAD_LOCATION_MISMATCH,
            f"an upload at {url} is continued at {_site(observed.location)}, where clients cannot follow: set the "
            "chart "
            "value 'registry.relativeurls' to true, or let the proxy in front pass on Host and X-Forwarded-Proto",
        )
    worst = max(observed.started, observed.patched or 0)
    if worst < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    message = f"a trial upload at {url} ended with HTTP {worst}: the registry cannot write its storage; see its log"
    return Pending(Reason.REGISTRY_UNHEALTHY, message, requeue_after=15.0)


def check_pull(registry: HarborRegistry, observed: PullResult) -> Blocked | Pending | None:
    """What would stop every pull; a credential that is refused is the business of the pull Secrets."""
    url = registry.spec.external_url
    if observed.accepted == HTTPStatus.UNAUTHORIZED:
        return Blocked(
            Reason.TOKEN_SERVICE_MISMATCH,
            f"{url} does not accept the tokens that its own token service issues: all replicas of core must hold the "
            "same key pair (chart value 'core.secretName'), and their clocks must agree",
        )
    worst = max(observed.token, observed.accepted or 0, observed.manifest or 0)
    if worst < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    message = f"a trial pull at {url} ended with HTTP {worst}: see the logs of core and registry"
    return Pending(Reason.REGISTRY_UNHEALTHY, message, requeue_after=30.0)


def _site(url: str) -> str:
    # The rest of a Location is a signed state, different each time.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; a default port counts as written out."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or ""), parts.port or _DEFAULT_PORTS.get(parts.scheme)
