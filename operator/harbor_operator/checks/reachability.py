"""Checks of the registry at `spec.externalURL`: certificate, /v2/, health, upload and pull."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Pending, StatusWarning, Unknown
from harbor_operator.model.reachability import (
    AnnouncedBody,
    BodyLimit,
    Certificate,
    Component,
    PullResult,
    TlsFault,
    UploadResult,
    V2Response,
)
from harbor_operator.reasons import Reason

EXPIRY_NOTICE = timedelta(days=14)
PROBE_MIB = 2
ANNOUNCED_MIB = (8192, 1024, 128, 16)
"""Sizes of the bodies that are announced, until one is not refused; core itself refuses more than 32 GiB."""
MIB_PER_GIB = 1024

_REALM = re.compile(r'realm="([^"]*)"')
_REMOVE_LIMIT = (
    "remove its limit (nginx: 'client_max_body_size 0;', ingress-nginx: "
    "'nginx.ingress.kubernetes.io/proxy-body-size: \"0\"')"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def probed_url(registry: HarborRegistry) -> str:
    """Returns the URL of the operator's own requests."""
    return registry.spec.internal_url or registry.spec.external_url


def check_certificate(registry: HarborRegistry, observed: Certificate) -> Blocked | None:
    """Returns why clients refuse the certificate, or None."""
    url, names = probed_url(registry), ", ".join(f"'{name}'" for name in observed.names) or "nothing"
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
                f"names contain '{host}', or correct {_url_field(registry)}",
            )
        case TlsFault.EXPIRED:
            return Blocked(
                Reason.CERTIFICATE_EXPIRED,
                f"the certificate of {url} is not valid now ({observed.detail}; it expires "
                f"{observed.not_after:%F}): renew it in the proxy or ingress that serves it",
            )


def _url_field(registry: HarborRegistry) -> str:
    return "`spec.internalURL`" if registry.spec.internal_url else "`spec.externalURL`"


def describe_reached(registry: HarborRegistry, limit: BodyLimit | None, *, has_api: bool) -> str:
    """Returns the message of a registry that answers, with what could not be observed.

    `limit` is what is known of the largest body of a push; None if no push is expected.
    """
    url, spec = probed_url(registry), registry.spec
    message = f"{url} answers /v2/{' and /api/v2.0/health' if has_api else ''} as a client sees it"
    if limit:
        message += f"; {_describe_limit(limit)}"
    if not has_api:
        message += "; /api/ does not answer there, so Harbor's health and the rights of the pull account are unknown"
    return message + (f"; {spec.external_url} itself is not checked (`spec.internalURL`)" if spec.internal_url else "")


def body_limit_warnings(registry: HarborRegistry, limit: BodyLimit | None) -> tuple[StatusWarning, ...]:
    """Returns a warning if a proxy refuses large layers; smaller ones can be pushed, so this blocks nothing."""
    if limit is None or limit.refused_mib is None:
        return ()
    message = (
        f"a proxy in front of {probed_url(registry)} refuses a body of {_size(limit.refused_mib)} with HTTP 413"
        f"{f' and accepts {_size(limit.accepted_mib)}' if limit.accepted_mib else ''}, so pushes of large layers fail: "
        f"{_REMOVE_LIMIT}; through a CDN with a fixed limit, push by another host name"
    )
    return (StatusWarning(Reason.PROXY_BODY_LIMIT, message),)


def _describe_limit(limit: BodyLimit) -> str:
    if limit.refused_mib:
        accepted = f", {_size(limit.accepted_mib)} is accepted" if limit.accepted_mib else ""
        return f"a body of {_size(limit.refused_mib)} is refused{accepted}"
    if limit.answer is AnnouncedBody.REACHED:
        return f"no proxy on the way refuses a body of {_size(limit.accepted_mib or 0)}"
    if limit.answer is AnnouncedBody.INVITED:
        return (
            f"the first server accepts a body of {_size(limit.accepted_mib or 0)}; one behind it was tried only with "
            f"bodies up to {PROBE_MIB} MiB and can refuse a push"
        )
    return (
        f"bodies above {PROBE_MIB} MiB are not tried, because no server answers `Expect: 100-continue`; a proxy with a "
        "higher limit can refuse a push"
    )


def _size(mib: int) -> str:
    return f"{mib // MIB_PER_GIB} GiB" if mib % MIB_PER_GIB == 0 else f"{mib} MiB"


def _trust(registry: HarborRegistry) -> str:
    given = registry.spec.ca_secret_ref
    if given is None:
        trust = "name the Secret with its CA in `spec.caSecretRef`; without it only the system's CAs are trusted"
    else:
        trust = f"Secret '{given.name}' (`spec.caSecretRef`) must contain its CA in key '{given.key}'"
    return f"{trust}; if an intermediate CA signed it, the server must send that CA's certificate as well"


def certificate_warnings(registry: HarborRegistry, observed: Certificate, now: datetime) -> tuple[StatusWarning, ...]:
    """Returns a warning if the certificate expires within EXPIRY_NOTICE of `now`."""
    if observed.not_after - now > EXPIRY_NOTICE:
        return ()
    message = f"the certificate of {probed_url(registry)} expires {observed.not_after:%F}: renew it, or pulls will fail"
    return (StatusWarning(Reason.CERTIFICATE_EXPIRING, message),)


def token_realm(observed: V2Response) -> str | None:
    """Returns the URL of the token service that the answer names, or None."""
    found = _REALM.search(observed.challenge)
    return found[1] if found else None


def check_v2_response(registry: HarborRegistry, observed: V2Response) -> Blocked | Pending | None:
    """Returns why the answer to GET /v2/ is not that of this Harbor, or None."""
    url = registry.spec.external_url
    if observed.redirect:
        message = f"{url}/v2/ redirects to {observed.redirect}: set `spec.externalURL` to the final URL"
        return Blocked(Reason.REGISTRY_NOT_HARBOR, message)
    if observed.status == HTTPStatus.OK and observed.is_registry:
        return None
    realm = token_realm(observed)
    if (
        observed.status != HTTPStatus.UNAUTHORIZED
        or realm is None
        or not observed.challenge.lower().startswith("bearer")
    ):
        # An ingress that does not route to a new release yet answers the same, so this is not Blocked.
        return Pending(
            Reason.REGISTRY_NOT_HARBOR,
            f"{url}/v2/ answers HTTP {observed.status} without a token service, so it is not Harbor: check "
            "`spec.externalURL` and that the proxy in front routes /v2/, /api/, /service/ and /c/ to Harbor",
        )
    # Harbor builds it from its external URL's scheme and the request's Host (`tokenSvcURL` in middleware/v2auth), so at
    # an internal URL it tells nothing about the external one.
    if registry.spec.internal_url or origin(realm) == origin(url):
        return None
    return Blocked(
        Reason.TOKEN_SERVICE_MISMATCH,
        f"{url} sends clients for a token to {realm}: Harbor's own external URL (`externalURL` in the chart's "
        f"values, `external_url` in harbor.yml) must be {url}, with scheme, host and port as clients type them, and a "
        "proxy in front must keep the header Host",
    )


def check_health(registry: HarborRegistry, observed: tuple[Component, ...]) -> Pending | None:
    """Returns the unhealthy components of Harbor by name, or None."""
    unhealthy = [f"{part.name}{f' ({part.error})' if part.error else ''}" for part in observed if not part.healthy]
    if not unhealthy:
        return None
    message = (
        f"{registry.spec.external_url}/api/v2.0/health reports as unhealthy: {', '.join(unhealthy)}; read their logs"
    )
    return Pending(Reason.REGISTRY_UNHEALTHY, message, requeue_after=10.0)


def check_upload(registry: HarborRegistry, observed: UploadResult) -> Blocked | Pending | None:
    """Returns what would stop a push, or None; an upload that was not permitted to start proves nothing."""
    url = registry.spec.external_url
    if HTTPStatus.REQUEST_ENTITY_TOO_LARGE in {observed.started, observed.patched}:
        return Blocked(
            Reason.PROXY_BODY_LIMIT,
            f"a proxy in front of {url} refuses a body of {PROBE_MIB} MiB with HTTP 413: {_REMOVE_LIMIT}",
        )
    probed = probed_url(registry)
    if origin(urljoin(probed, observed.location)) != origin(probed):
        return Blocked(
            Reason.UPLOAD_LOCATION_MISMATCH,
            f"an upload at {probed} continues at {_site(observed.location)}, which is another origin: set the chart "
            "value 'registry.relativeurls' to true, or make the proxy in front set Host and X-Forwarded-Proto",
        )
    worst = max(observed.started, observed.patched or 0)
    if worst < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    message = f"a trial upload at {url} ended with HTTP {worst}: the registry cannot write to its storage; read its log"
    return Pending(Reason.REGISTRY_UNHEALTHY, message, requeue_after=15.0)


def check_pull(registry: HarborRegistry, observed: PullResult) -> Blocked | Pending | None:
    """Returns what would stop every pull, or None; a rejected credential is reported with the pull Secrets."""
    url = registry.spec.external_url
    if observed.accepted == HTTPStatus.UNAUTHORIZED:
        return Blocked(
            Reason.TOKEN_SERVICE_MISMATCH,
            f"{url} does not accept the tokens that its own token service issues: all replicas of core must use the "
            "same key pair (chart value 'core.secretName'), and their clocks must agree",
        )
    worst = max(observed.token, observed.accepted or 0, observed.manifest or 0)
    if worst < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    message = f"a trial pull at {url} ended with HTTP {worst}: read the logs of core and registry"
    return Pending(Reason.REGISTRY_UNHEALTHY, message, requeue_after=30.0)


def _site(url: str) -> str:
    # The rest of a Location is a signed state that differs each time; a status with it would change at every check.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def origin(url: str) -> tuple[str, str, int | None]:
    """Returns scheme, host and port; a default port equals its number."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:  # not a number: equal to no origin of ours
        port = -1
    return parts.scheme, (parts.hostname or ""), port or _DEFAULT_PORTS.get(parts.scheme)


def explain_invalid_bundle() -> Blocked:
    """Returns that the CA bundle of the registry holds no certificate."""
    message = "the Secret named by `spec.caSecretRef` contains no PEM certificate under its key: put the CA there"
    return Blocked(Reason.SECRET_INVALID, message)


def explain_untrusted(url: str, detail: str) -> Blocked:
    """Returns what a certificate means that the trusted authorities did not sign; `detail` is OpenSSL's text."""
    message = f"the certificate of {url} is not trusted ({detail}): put its CA into the Secret of `spec.caSecretRef`"
    return Blocked(Reason.CERTIFICATE_UNTRUSTED, message)


def explain_no_answer(url: str, detail: str) -> Unknown:
    """Returns what the absence of an answer means; `detail` is the error."""
    message = f"{url} cannot be reached from the operator: {detail}; check DNS, the proxy or ingress, and Harbor"
    return Unknown(Reason.REGISTRY_UNREACHABLE, message)


def explain_unacceptable_answer(url: str, request: str, detail: str) -> Blocked:
    """Returns what an answer means that Harbor never gives; `detail` completes "answers `request` with ..."."""
    return Blocked(
        Reason.REGISTRY_NOT_HARBOR,
        f"{url} answers {request} with {detail}, so another program than Harbor's API answers: check "
        "`spec.externalURL` and where the proxy in front routes this path",
    )


def explain_busy(url: str, request: str, status: int) -> Unknown:
    """Returns what a proxy's error means, or a request to slow down."""
    message = f"{url} answers HTTP {status} to {request}: Harbor behind it is not ready; the operator retries"
    return Unknown(Reason.REGISTRY_UNREACHABLE, message)


def explain_server_error(url: str, request: str, status: int) -> Unknown:
    """Returns what an internal error of Harbor means: nothing about the request itself."""
    message = f"{url} answers HTTP {status} to {request}: the cause is in the log of core"
    return Unknown(Reason.REGISTRY_UNHEALTHY, message)


def explain_no_health(url: str, status: int) -> Blocked:
    """Returns what an answer without a health report means."""
    return Blocked(
        Reason.REGISTRY_NOT_HARBOR,
        f"{url}/api/v2.0/health answers HTTP {status} without a health report: it must lead to Harbor 2.0 or newer; "
        "check where the proxy in front routes /api/",
    )
