"""A thin client of the Kubernetes API: dictionaries in, dictionaries out, no models.

Every request has a deadline, is counted, and ends in one of four ways: the object, an expected error (`ApiError`),
Unavailable or Refused. Nothing is retried here: the caller knows best when to ask again.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
from pydantic import SecretStr
from yarl import URL

from harbor_operator.adapters.http_body import UnacceptableBody, read_body
from harbor_operator.adapters.kube_api import (
    REQUEST_TIMEOUT_SECONDS,
    ApiError,
    ApiRequest,
    Manifest,
    Params,
    RequestBody,
    ResourceRef,
    TooLarge,
    build_url,
    classify_error,
)
from harbor_operator.adapters.kube_connection import ClusterConnection, open_session, renew
from harbor_operator.adapters.kube_denials import Forbidden
from harbor_operator.adapters.kube_objects import decode_object
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

LOG = logging.getLogger(__name__)
IDLE_TIMEOUT_SECONDS = 90.0
RENEWAL_RETRY_SECONDS = 10.0

MAX_ANSWER_BYTES = 32 << 20
"""Of one answer and of one event of a watch; etcd stores objects of at most 1.5 MiB, and JSON can be six times that."""

Answer = TypeVar("Answer")
Decode = Callable[[bytes], Answer]
"""Decodes an answer; raises msgspec.DecodeError on anything else."""

Counter = Callable[[str, str, int], None]
"""Called for every request with verb, resource and HTTP code (0 = no answer)."""

ForbiddenCounter = Callable[[str, str], None]
"""Called, besides, for a request that no authorizer allows, with verb and resource."""


def _ignore(verb: str, resource: str, code: int = 0) -> None:
    """Counts nothing."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What differs between clients: the size of the connection pool, the clock and the counters of requests."""

    connections: int = 64
    clock: Callable[[], float] = time.monotonic
    count: Counter = _ignore
    count_forbidden: ForbiddenCounter = _ignore


class KubernetesClient:
    """One session to one API server; open it with `async with`, or close it with `aclose`."""

    def __init__(self, connection: ClusterConnection, options: ClientOptions | None = None) -> None:
        self._connection = connection
        self._options = options or ClientOptions()
        self._session: aiohttp.ClientSession | None = None
        self._renewing = asyncio.Lock()
        self._renew_at = self._next_renewal()

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def as_holder(self, token: SecretStr) -> KubernetesClient:
        """Returns a client of the same API server for the holder of a token, not yet open.

        No credential of this client is part of it.
        """
        connection = replace(
            self._connection,
            authorization=SecretStr(f"Bearer {token.get_secret_value()}"),
            client_cert=None,
            client_key=None,
            valid_seconds=None,
            reload=None,
        )
        return KubernetesClient(connection, replace(self._options, connections=1))

    async def aclose(self) -> None:
        """Closes every connection; the next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, request: ApiRequest, decode: Decode[Answer]) -> Answer | ApiError:
        """Returns what `decode` makes of the server's answer, or its expected error."""
        return await self._send(request, build_url(request), decode)

    async def send_plain(self, request: ApiRequest) -> Manifest | ApiError:
        """Returns the object of the server's answer as a dictionary, or its expected error."""
        return await self._send(request, build_url(request), decode_object)

    async def request(
        self, method: str, path: str, *, params: Params | None = None, body: RequestBody | None = None
    ) -> Manifest | ApiError:
        """Sends a request to a path as it stands, like `kubectl get --raw`; for diagnosis and tests."""
        verb = {"POST": "create", "PUT": "update"}.get(method, method.lower())
        request = ApiRequest(verb, ResourceRef(path, ""), params or {}, body)
        url = str(URL(path).with_query(params)) if params else path
        return await self._send(request, url, decode_object)

    @asynccontextmanager
    async def watch(
        self, request: ApiRequest, *, idle_seconds: float = IDLE_TIMEOUT_SECONDS
    ) -> AsyncIterator[AsyncIterator[bytes] | ApiError]:
        """Yields the lines of a watch, or the error answer; ends as Unavailable after `idle_seconds` of silence."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT_SECONDS, sock_read=idle_seconds)
        try:
            if self._is_renewal_due():
                await self._renew()
            arguments = self._arguments(request)
            url = self._url(build_url(request))
            async with self._open().get(url, timeout=timeout, **arguments) as response:
                if response.status >= 400:  # noqa: PLR2004 - the class of errors
                    answer = await self._read(response, request, decode_object)
                    yield answer if isinstance(answer, ApiError) else _lines(response)
                    return
                self._options.count(request.verb, request.ref.counted_resource, response.status)
                try:
                    yield _lines(response)
                finally:
                    _abort(response)
        except (aiohttp.ClientError, OSError) as error:
            raise self._explain(error, request, idle_seconds) from error

    async def _send(self, request: ApiRequest, url: str, decode: Decode[Answer]) -> Answer | ApiError:
        try:
            if self._is_renewal_due():
                await self._renew()
            arguments = self._arguments(request)
            timeout = _total(request.timeout_seconds)
            async with self._open().request(request.method, self._url(url), timeout=timeout, **arguments) as response:
                return await self._read(response, request, decode)
        except (aiohttp.ClientError, OSError) as error:
            raise self._explain(error, request, request.timeout_seconds) from error

    async def _read(
        self, response: aiohttp.ClientResponse, request: ApiRequest, decode: Decode[Answer]
    ) -> Answer | ApiError:
        code, raw, problem = response.status, b"", ""
        try:
            raw = await read_body(response, MAX_ANSWER_BYTES)
        except UnacceptableBody as error:
            problem = str(error)
        self._options.count(request.verb, request.ref.counted_resource, code)
        if problem:
            return TooLarge(code, f"the API server answers {request.describe()} with {problem}")
        if code < 400:  # noqa: PLR2004 - the class of errors
            try:
                return decode(raw)
            except msgspec.DecodeError:
                code = 502  # success without an object is a broken proxy
        elif code == 401:  # noqa: PLR2004 - unauthorized
            self._reject_credential(response.request_info.headers.get("Authorization", ""))
        try:
            return classify_error(code, _status(raw), request, response.headers.get("Retry-After"))
        except Forbidden:
            self._options.count_forbidden(request.verb, request.ref.counted_resource)
            raise

    def _explain(self, error: Exception, request: ApiRequest, timeout_seconds: float) -> Unavailable | Refused:
        server = self._connection.server
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            return Refused(Reason.CERTIFICATE_UNTRUSTED, f"the certificate of '{server}' is not trusted: {error}")
        self._options.count(request.verb, request.ref.counted_resource, 0)
        what = request.describe()
        if isinstance(error, TimeoutError):
            return Unavailable(f"the API server did not answer {what} within {timeout_seconds:g} seconds")
        return Unavailable(f"the request {what} to the API server '{server}' failed: {type(error).__name__}")

    def _arguments(self, request: ApiRequest) -> dict[str, Any]:
        headers = {"Accept": request.accept}
        if self._connection.authorization:
            headers["Authorization"] = self._connection.authorization.get_secret_value()
        if request.body:
            headers["Content-Type"] = request.body.content_type
        return {"headers": headers, "data": request.body.content if request.body else None, "allow_redirects": False}

    def _next_renewal(self) -> float | None:
        valid = self._connection.valid_seconds
        return None if valid is None else self._options.clock() + valid

    def _reject_credential(self, sent: str) -> None:
        """Asks for a renewal, unless a fresh credential has replaced the rejected one meanwhile."""
        current = self._connection.authorization
        if self._connection.reload and sent == (current.get_secret_value() if current else ""):
            self._renew_at = self._options.clock()

    def _is_renewal_due(self) -> bool:
        return self._renew_at is not None and self._options.clock() >= self._renew_at

    async def _renew(self) -> None:
        """Replaces the credential; keeps the present one when no fresh one is to be had."""
        async with self._renewing:
            if not self._is_renewal_due():
                return
            try:
                fresh = await renew(self._connection)
            except (Refused, Unavailable, OSError) as error:
                LOG.warning("the credential for the API server could not be renewed: %s", error)
                self._renew_at = self._options.clock() + RENEWAL_RETRY_SECONDS
                return
            same_transport = fresh.has_same_transport(self._connection)
            self._connection = fresh
            self._renew_at = self._next_renewal()
            if not same_transport:
                await self.aclose()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = open_session(self._connection, self._options.connections)
        return self._session

    def _url(self, location: str) -> URL:
        return URL(f"{self._connection.server}{location}", encoded=True)


@cache
def _total(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)


def _status(raw: bytes) -> Manifest:
    try:
        return decode_object(raw)
    except msgspec.DecodeError:
        return {}


def _abort(response: aiohttp.ClientResponse) -> None:
    # A watch is closed in mid-stream: a graceful TLS close would wait for the server to finish the stream.
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    # Split here: readline() of aiohttp refuses lines longer than its buffer, and an object may have 1.5 MiB.
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if b"\n" in chunk:
            *whole, rest = b"".join(parts).split(b"\n")
            parts, size = [rest], len(rest)
            for line in whole:
                if line:
                    yield line
        if size > MAX_ANSWER_BYTES:
            raise Unavailable(f"the API server sends an event of more than {MAX_ANSWER_BYTES >> 20} MiB")
