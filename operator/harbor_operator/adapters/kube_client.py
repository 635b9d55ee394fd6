"""A thin client of the Kubernetes API: dictionaries in, dictionaries out, no models.

Every request has a deadline, is counted, and ends in one of four ways: the object, an expected no (`Denial`),
Unavailable or Refused. Nothing is retried here: who asks knows best when to ask again.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from harbor_operator.adapters.kube_api import (
    TIMEOUT,
    ApiError,
    ApiRequest,
    Manifest,
    Params,
    RequestBody,
    ResourceRef,
    build_url,
    classify_error,
    parse_resource,
)
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.kube_objects import decode_object
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

LIST_TIMEOUT = 30.0
KEPT_SECONDS = 90.0
TOKEN_LIFETIME = 60.0
PLAIN = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MAX_LINE = 8 * 1024 * 1024

Answer = TypeVar("Answer")
Decode = Callable[[bytes], Answer]
"""Makes something of an answer; raises msgspec.DecodeError on what is no such thing."""

Counter = Callable[[str, str, int], None]
"""Told of every request: verb, resource, HTTP code (0 = no answer)."""


def _ignore(verb: str, resource: str, code: int) -> None:
    """Counts nothing."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What may differ between a test, the hot path and the cold one."""

    connections: int = 64
    clock: Callable[[], float] = time.monotonic
    count: Counter = _ignore


class KubernetesClient:
    """One session to one API server; open it with `async with`, or close it with `aclose`."""

    def __init__(self, info: ClusterConnection, tuning: ClientOptions | None = None) -> None:
        self._info = info
        self._tuning = tuning or ClientOptions()
        self._session: aiohttp.ClientSession | None = None
        self._token: tuple[str, float] | None = None

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes every connection; the next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: RequestBody | None = None,
        deadline: float = TIMEOUT,
    ) -> Manifest | ApiError:
        """Returns the object the server answered with, or its expected no."""
        target = parse_resource(method, path, params or {})
        return await self.ask(ApiRequest(target, build_url(path, params), body, deadline=deadline), decode_object)

    async def list_page(
        self, path: str, params: Params, decode: Decode[Answer], *, metadata_only: bool = False
    ) -> Answer | ApiError:
        """Returns one page of a list; `Gone` means its continue token has expired."""
        accept = METADATA_LIST if metadata_only else PLAIN
        call = ApiRequest(
            parse_resource("GET", path, params), build_url(path, params), accept=accept, deadline=LIST_TIMEOUT
        )
        return await self.ask(call, decode)

    async def ask(self, call: ApiRequest, decode: Decode[Answer]) -> Answer | ApiError:
        """Returns what `decode` makes of the server's answer, or its expected no."""
        try:
            options = self._options(call.accept, call.body)
            request = self._open().request(
                call.target.method, self._url(call.location), timeout=_total(call.deadline), **options
            )
            async with request as answer:
                return await self._read(answer, call.target, decode)
        except (aiohttp.ClientError, OSError) as error:
            raise self._explain(error, call.target, call.deadline) from error

    @asynccontextmanager
    async def watch(
        self, path: str, params: Params, *, metadata_only: bool = False, idle: float = 90.0
    ) -> AsyncIterator[AsyncIterator[bytes] | ApiError]:
        """Yields the lines of a watch, or the no to it; ends as Unavailable when nothing comes for `idle` seconds."""
        target = parse_resource("GET", path, {**params, "watch": "1"})
        policy = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT, sock_read=idle)
        try:
            options = self._options(METADATA_ONLY if metadata_only else PLAIN, None)
            location = build_url(path, {**params, "watch": "1"})
            async with self._open().get(self._url(location), timeout=policy, **options) as answer:
                if answer.status >= 400:  # noqa: PLR2004 - the class of errors
                    denial = await self._read(answer, target, decode_object)
                    yield denial if isinstance(denial, ApiError) else _lines(answer)
                    return
                self._tuning.count(target.verb, target.resource, answer.status)
                try:
                    yield _lines(answer)
                finally:
                    _hang_up(answer)
        except (aiohttp.ClientError, OSError) as error:
            raise self._explain(error, target, idle) from error

    async def _read(
        self, answer: aiohttp.ClientResponse, target: ResourceRef, decode: Decode[Answer]
    ) -> Answer | ApiError:
        raw = await answer.read()
        self._tuning.count(target.verb, target.resource, answer.status)
        code = answer.status
        if code < 400:  # noqa: PLR2004 - the class of errors
            try:
                return decode(raw)
            except msgspec.DecodeError:
                code = 502  # success without an object is a broken proxy
        elif code == 401:  # noqa: PLR2004 - unauthorized
            self._token = None
        return classify_error(code, _status(raw), target, answer.headers.get("Retry-After"))

    def _explain(self, error: Exception, target: ResourceRef, deadline: float) -> Unavailable | Refused:
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            text = f"the certificate of '{self._info.server}' is not trusted: {error}"
            return Refused(Reason.CERTIFICATE_UNTRUSTED, text)
        self._tuning.count(target.verb, target.resource, 0)
        if isinstance(error, TimeoutError):
            return Unavailable(f"the API server did not answer {target.words} within {deadline:g} seconds")
        kind = type(error).__name__
        return Unavailable(f"the API server '{self._info.server}' could not be asked to {target.words}: {kind}")

    def _options(self, accept: str, body: RequestBody | None) -> dict[str, Any]:
        headers = {"Accept": accept}
        if token := self._bearer():
            headers["Authorization"] = f"Bearer {token}"
        if body:
            headers["Content-Type"] = body.content_type
        return {
            "headers": headers,
            "data": body.content if body else None,
            "server_hostname": self._info.tls_server_name,
            "allow_redirects": False,
        }

    def _bearer(self) -> str:
        if self._info.token is not None:
            return self._info.token.get_secret_value()
        if self._info.token_path is None:
            return ""
        now = self._tuning.clock()
        if self._token is None or now - self._token[1] >= TOKEN_LIFETIME:
            # A projected token is renewed in place long before it expires; read once, it locks us out within hours.
            self._token = (self._info.token_path.read_text(encoding="utf-8").strip(), now)
        return self._token[0]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            tls = self._info.tls()
            # Kept long: a namespace after a quiet minute shall not pay for a TLS handshake.
            connector = aiohttp.TCPConnector(
                limit=self._tuning.connections, ssl=tls if tls is not None else True, keepalive_timeout=KEPT_SECONDS
            )
            # Compressing lists costs both sides more processor time than the network saves inside a cluster.
            headers = {"User-Agent": "harbor-operator", "Accept-Encoding": "identity"}
            self._session = aiohttp.ClientSession(
                connector=connector, headers=headers, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=_MAX_LINE
            )
        return self._session

    def _url(self, location: str) -> URL:
        return URL(f"{self._info.server}{location}", encoded=True)


@cache
def _total(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)


def _status(raw: bytes) -> Manifest:
    try:
        return decode_object(raw)
    except msgspec.DecodeError:
        return {}


def _hang_up(answer: aiohttp.ClientResponse) -> None:
    # Who stops listening does so in mid-stream: a polite TLS farewell would wait for a server that goes on talking.
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    # Cut by hand: readline() of aiohttp refuses lines longer than its buffer, and an object may have 1.5 MiB.
    rest = b""
    async for chunk in answer.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line
