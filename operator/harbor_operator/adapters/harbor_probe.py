"""The registry's front door over HTTP, as a container runtime meets it."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from cryptography import x509

from harbor_operator.adapters.harbor_http import (
    DEADLINE,
    HttpRequest,
    send,
    send_raw,
    server_error,
    ssl_context,
    unreachable,
)
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.reachability import Certificate, Component, PullResult, TlsFault, UploadResult, V2Response
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

TOKEN_SERVICE = "harbor-registry"  # noqa: S105 - the name of the service, not a secret

_HTTPS = 443
_OCTETS = {"Content-Type": "application/octet-stream"}
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_NO_UPLOAD = "00000000-0000-4000-8000-000000000000"
_REDIRECTS = range(300, 400)
# OpenSSL's X509_V_ERR_*: not yet valid, expired; host name, address.
_OUT_OF_TIME = {9, 10}
_OTHER_NAME = {62, 64}


class HttpRegistryProbe:
    """The RegistryDoor port for real."""

    async def read_certificate(self, access: HarborEndpoint) -> Certificate | None:
        """Shakes hands as a client; if that fails, once more without judging, to see what is served."""
        if urlsplit(access.url).scheme != "https":
            return None
        try:
            return _parsed(await _handshake(access.url, ssl_context(access.ca)))
        except ssl.SSLCertVerificationError as error:
            served = _parsed(await _handshake(access.url, _without_judging()))
            return Certificate(served.names, served.not_after, _fault(error.verify_code), error.verify_message)

    async def read_entrance(self, access: HarborEndpoint) -> V2Response:
        """Asks as nobody, for only then Harbor says where tokens come from."""
        answer = await send(access.with_login(None), HttpRequest("GET", "/v2/"))
        redirect = answer.headers.get("Location", "") if answer.status in _REDIRECTS else ""
        is_registry = "Docker-Distribution-Api-Version" in answer.headers
        return V2Response(answer.status, answer.headers.get("Www-Authenticate", ""), redirect, is_registry)

    async def read_health(self, access: HarborEndpoint) -> tuple[Component, ...]:
        """Reads the report, which comes with status 200 however ill Harbor is."""
        answer = await send(access.with_login(None), HttpRequest("GET", "/api/v2.0/health"))
        found = answer.json() if answer.status == HTTPStatus.OK else None
        if not isinstance(found, dict) or "components" not in found:
            message = (
                f"{access.url}/api/v2.0/health answers HTTP {answer.status} and no health report: it must lead to "
                "Harbor 2.0 or newer; see where the proxy in front sends /api/"
            )
            raise Refused(Reason.REGISTRY_NOT_HARBOR, message)
        return tuple(
            Component(one["name"], one.get("status") == "healthy", one.get("error", "")) for one in found["components"]
        )

    async def try_login(self, access: HarborEndpoint) -> bool:
        """Asks /v2/ itself: the token service answers 200 even to a wrong secret."""
        answer = await send(access, HttpRequest("GET", "/v2/"))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise server_error(access, "GET /v2/", answer.status)
        return answer.status == HTTPStatus.OK

    async def try_upload(self, access: HarborEndpoint, repository: str, size: int) -> UploadResult:
        """Follows the Location by its path only, so that a wrong host is reported and still cleaned up.

        A body limit shows on an upload that does not exist, and then nothing is started: a cancelled upload leaves a
        file of about a hundred bytes in the storage (the registry saves its hash state once more after the deletion).
        """
        if await _is_too_large(access, repository, size):
            return UploadResult(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        started = await send_raw(access, HttpRequest("POST", f"/v2/{repository}/blobs/uploads/"))
        location = started.headers.get("Location", "")
        if started.status != HTTPStatus.ACCEPTED:
            return UploadResult(started.status)
        path = _path(access, location)
        try:
            sent = await send_raw(access, HttpRequest("PATCH", path, headers=_OCTETS, data=bytes(size)))
            path = _path(access, sent.headers.get("Location", "") or location)
            return UploadResult(started.status, location, sent.status)
        finally:
            await send_raw(access, HttpRequest("DELETE", path))

    async def try_pull(self, access: HarborEndpoint, manifest: str | None) -> PullResult:
        """Goes the way of a container runtime: token first, then the registry with the token."""
        repository, _, tag = (manifest or "").rpartition(":")
        scope = {"scope": f"repository:{repository}:pull"} if repository else {}
        token = await send_raw(access, HttpRequest("GET", "/service/token", {"service": TOKEN_SERVICE, **scope}))
        if token.status != HTTPStatus.OK:
            return PullResult(token.status)
        word = token.json().get("token", "")
        entrance = await send_raw(access, HttpRequest("GET", "/v2/", bearer=word))
        if not repository:
            return PullResult(token.status, entrance.status)
        ask = HttpRequest("HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": _MANIFESTS}, bearer=word)
        return PullResult(token.status, entrance.status, (await send_raw(access, ask)).status)


async def _is_too_large(access: HarborEndpoint, repository: str, size: int) -> bool:
    ask = HttpRequest("PATCH", f"/v2/{repository}/blobs/uploads/{_NO_UPLOAD}", headers=_OCTETS, data=bytes(size))
    try:
        return (await send_raw(access, ask)).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    except Unavailable:
        return False  # the registry may hang up on a body for an upload it does not know: that is no verdict


def _path(access: HarborEndpoint, location: str) -> str:
    parts = urlsplit(urljoin(access.url, location))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def _handshake(url: str, context: ssl.SSLContext) -> bytes:
    """Returns the certificate served, in DER."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(DEADLINE):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or _HTTPS, ssl=context)
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, TimeoutError) as error:
        raise unreachable(url, error) from error
    channel: ssl.SSLObject = writer.get_extra_info("ssl_object")
    served = channel.getpeercert(binary_form=True)
    writer.transport.abort()  # nothing was said; a polite goodbye would cost a round trip
    return served or b""


def _without_judging() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _parsed(served: bytes) -> Certificate:
    certificate = x509.load_der_x509_certificate(served)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))
    except x509.ExtensionNotFound:
        known = ()
    return Certificate(known, certificate.not_valid_after_utc.astimezone(UTC))


def _fault(code: int) -> TlsFault:
    if code in _OUT_OF_TIME:
        return TlsFault.EXPIRED
    return TlsFault.HOST_MISMATCH if code in _OTHER_NAME else TlsFault.UNTRUSTED
