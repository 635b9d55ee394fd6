"""The registry over HTTP, as a container runtime uses it."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

from typing_extensions import override

from harbor_operator.adapters.harbor_http import (
    HarborHttp,
    HttpRequest,
    HttpResponse,
    location_path,
    server_error,
    unreachable,
)
from harbor_operator.adapters.harbor_sessions import DEADLINE_SECONDS, ssl_context
from harbor_operator.adapters.http_proxy import connected
from harbor_operator.checks.pull_secrets import explain_unreadable_rights
from harbor_operator.checks.reachability import explain_no_health, origin
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.reachability import (
    AnnouncedBody,
    Certificate,
    Component,
    PullResult,
    TlsFault,
    UploadResult,
    V2Response,
)
from harbor_operator.ports import Unavailable, as_error
from harbor_operator.ports.harbor import RegistryProbe

TOKEN_SERVICE = "harbor-registry"  # noqa: S105 - the name of the service, not a secret

_OCTETS = {"Content-Type": "application/octet-stream"}
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_CHANGING = {"push", "delete", "*"}
_ABSENT_REPOSITORY = "harbor-operator-check"
_ABSENT_UPLOAD = "00000000-0000-4000-8000-000000000000"
_REDIRECTS = range(300, 400)
_HOST_NAMES = {"DNS", "IP Address"}
# OpenSSL's X509_V_ERR_*: not yet valid, expired; host name, address.
_NOT_VALID_NOW = {9, 10}
_OTHER_NAME = {62, 64}


class HttpRegistryProbe(RegistryProbe):
    """The registry over HTTP and TLS."""

    def __init__(self, http: HarborHttp | None = None) -> None:
        self._http = http or HarborHttp()

    @override
    async def read_certificate(self, endpoint: HarborEndpoint) -> Certificate | None:
        if urlsplit(endpoint.url).scheme != "https":
            return None
        try:
            return _accepted_certificate(await self._handshake(endpoint, ssl_context(endpoint.ca)))
        except ssl.SSLCertVerificationError as error:
            # A second handshake without verification shows the refused certificate.
            served = await self._handshake(endpoint, _unverified_context())
            return _refused_certificate(served, _fault(error.verify_code), error.verify_message)

    @override
    async def read_v2_response(self, endpoint: HarborEndpoint) -> V2Response:
        # Anonymous, because only then Harbor names its token service.
        response = await self._http.send(endpoint.with_login(None), HttpRequest("GET", "/v2/"))
        redirect = response.headers.get("Location", "") if response.status in _REDIRECTS else ""
        is_registry = "Docker-Distribution-Api-Version" in response.headers
        return V2Response(response.status, response.headers.get("Www-Authenticate", ""), redirect, is_registry)

    @override
    async def read_health(self, endpoint: HarborEndpoint) -> tuple[Component, ...]:
        # The report comes with status 200, also for an unhealthy Harbor.
        response = await self._http.send(endpoint.with_login(None), HttpRequest("GET", "/api/v2.0/health"))
        components = response.decode(_components) if response.status == HTTPStatus.OK else None
        if components is None:
            raise as_error(explain_no_health(endpoint.url, response.status))
        return components

    @override
    async def try_login(self, endpoint: HarborEndpoint) -> bool:
        # The token service answers 200 also to a wrong secret, so /v2/ decides.
        response = await self._http.send(endpoint, HttpRequest("GET", "/v2/"))
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise server_error(response)
        return response.status == HTTPStatus.OK

    @override
    async def try_upload(self, endpoint: HarborEndpoint, repository: str, size: int) -> UploadResult:
        # The body limit is tried first, on an upload that does not exist. If that fails, no upload is started: a
        # cancelled one leaves a file of about a hundred bytes in the storage, because the registry saves its hash
        # state once more after the deletion.
        if await self._is_too_large(endpoint, repository, size):
            return UploadResult(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        started = await self._http.send_raw(endpoint, HttpRequest("POST", f"/v2/{repository}/blobs/uploads/"))
        location = started.headers.get("Location", "")
        if started.status != HTTPStatus.ACCEPTED:
            return UploadResult(started.status)
        path = location_path(endpoint, location)
        try:
            if not path or not _is_same_origin(endpoint, location):
                return UploadResult(started.status, location)
            sent = await self._http.send_raw(endpoint, HttpRequest("PATCH", path, headers=_OCTETS, data=bytes(size)))
            path = location_path(endpoint, sent.headers.get("Location", "")) or path
            return UploadResult(started.status, location, sent.status)
        finally:
            # Always at the endpoint, so that an upload whose Location names another host is cancelled too.
            if path:
                await self._http.send_raw(endpoint, HttpRequest("DELETE", path))

    @override
    async def announce_body(self, endpoint: HarborEndpoint, size: int) -> AnnouncedBody:
        # Without a login: a limit counts before it, and Harbor then answers 401 whatever the repository is.
        path = f"/v2/{_ABSENT_REPOSITORY}/{_ABSENT_REPOSITORY}/blobs/uploads/{_ABSENT_UPLOAD}"
        request = HttpRequest("PATCH", path, headers=_OCTETS)
        try:
            observed = await self._http.announce(endpoint.with_login(None), request, size)
        except Unavailable:
            return AnnouncedBody.UNANSWERED  # the connection was closed without an answer
        response = observed.response
        if response is None:
            return AnnouncedBody.INVITED if observed.is_invited else AnnouncedBody.UNANSWERED
        if response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return AnnouncedBody.REFUSED
        return AnnouncedBody.REACHED if _is_challenge(response) else AnnouncedBody.UNANSWERED

    @override
    async def try_pull(self, endpoint: HarborEndpoint, manifest: str | None) -> PullResult:
        # As a container runtime does: first the token, then the registry with the token.
        repository, _, tag = (manifest or "").rpartition(":")
        scope = {"scope": f"repository:{repository}:pull"} if repository else {}
        issued = await self._http.send_raw(
            endpoint, HttpRequest("GET", "/service/token", {"service": TOKEN_SERVICE, **scope})
        )
        if issued.status != HTTPStatus.OK:
            return PullResult(issued.status)
        token = _token(issued)
        accepted = await self._http.send_raw(endpoint, HttpRequest("GET", "/v2/", bearer=token))
        if not repository:
            return PullResult(issued.status, accepted.status)
        path = f"/v2/{repository}/manifests/{tag}"
        found = await self._http.send_raw(
            endpoint, HttpRequest("HEAD", path, headers={"Accept": _MANIFESTS}, bearer=token)
        )
        return PullResult(issued.status, accepted.status, found.status)

    @override
    async def read_pushable(self, endpoint: HarborEndpoint, projects: Sequence[str]) -> tuple[str, ...]:
        if not projects:
            return ()
        # The token service grants the part of a scope that the login is allowed. The repository need not exist.
        scope = " ".join(f"repository:{project}/{_ABSENT_REPOSITORY}:push,delete" for project in projects)
        query = {"service": TOKEN_SERVICE, "scope": scope}
        issued = await self._http.send(endpoint, HttpRequest("GET", "/service/token", query))
        if issued.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise server_error(issued)
        if issued.status != HTTPStatus.OK:
            raise as_error(explain_unreadable_rights(f"{issued.request.title} at {endpoint.url}", issued.status))
        granted = issued.decode(_granted)
        return tuple(project for project in projects if f"{project}/{_ABSENT_REPOSITORY}" in granted)

    async def _is_too_large(self, endpoint: HarborEndpoint, repository: str, size: int) -> bool:
        path = f"/v2/{repository}/blobs/uploads/{_ABSENT_UPLOAD}"
        try:
            request = HttpRequest("PATCH", path, headers=_OCTETS, data=bytes(size), expects_continue=True)
            response = await self._http.send_raw(endpoint, request)
        except Unavailable:
            return False  # the registry may close the connection, because it does not know the upload
        return response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    async def _handshake(self, endpoint: HarborEndpoint, context: ssl.SSLContext) -> ssl.SSLObject:
        """Returns the TLS state after the handshake; the connection is closed."""
        proxy = self._http.proxy_of(endpoint)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), connected(endpoint.url, context, proxy) as writer:
                channel: ssl.SSLObject = writer.get_extra_info("ssl_object")
        except ssl.SSLCertVerificationError:
            raise
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise unreachable(endpoint.url, error, proxy) from None
        return channel


def _is_challenge(response: HttpResponse) -> bool:
    is_registry = "Docker-Distribution-Api-Version" in response.headers
    challenge = response.headers.get("Www-Authenticate", "").lower()
    return response.status == HTTPStatus.UNAUTHORIZED and (is_registry or challenge.startswith("bearer"))


def _is_same_origin(endpoint: HarborEndpoint, location: str) -> bool:
    return origin(urljoin(endpoint.url, location)) == origin(endpoint.url)


def _token(response: HttpResponse) -> str:
    token = response.decode(lambda body: str(body.get("token", "")))
    if not (token.isascii() and token.isprintable()):
        raise response.refused("a token that is not plain ASCII")
    return token


def _granted(body: Any) -> frozenset[str]:
    """Returns the repositories that a token allows to change; its signature does not matter here."""
    payload = str(body["token"]).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return frozenset(
        str(access["name"]) for access in claims.get("access") or [] if _CHANGING & set(access.get("actions") or [])
    )


def _components(report: Any) -> tuple[Component, ...] | None:
    if not isinstance(report, dict) or "components" not in report:
        return None
    return tuple(
        Component(str(part["name"]), part.get("status") == "healthy", str(part.get("error", "")))
        for part in report["components"]
    )


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _accepted_certificate(channel: ssl.SSLObject) -> Certificate:
    """Returns the certificate as the `ssl` module decoded it, which it does only for a verified one."""
    fields: dict[str, Any] = dict(channel.getpeercert() or {})
    names = tuple(
        str(ip_address(value)) if kind == "IP Address" else str(value)
        for kind, value in fields.get("subjectAltName", ())
        if kind in _HOST_NAMES
    )
    return Certificate(names, datetime.fromtimestamp(ssl.cert_time_to_seconds(fields["notAfter"]), UTC))


def _refused_certificate(channel: ssl.SSLObject, fault: TlsFault, detail: str) -> Certificate:
    from cryptography import x509  # noqa: PLC0415 - 8 MiB, needed only after an error

    certificate = x509.load_der_x509_certificate(channel.getpeercert(binary_form=True) or b"")
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(name.value) for name in found if isinstance(name, x509.DNSName | x509.IPAddress))
    except x509.ExtensionNotFound:
        names = ()
    return Certificate(names, certificate.not_valid_after_utc.astimezone(UTC), fault, detail)


def _fault(code: int) -> TlsFault:
    if code in _NOT_VALID_NOW:
        return TlsFault.EXPIRED
    return TlsFault.HOST_MISMATCH if code in _OTHER_NAME else TlsFault.UNTRUSTED
