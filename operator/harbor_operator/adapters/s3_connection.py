"""One signed request to an S3 store, and the mapping of failures to findings.

No text of an answer reaches a message: a finding contains the status, one error word and the URL without its query,
which can hold a signature.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import Any, NoReturn

import aiohttp
from yarl import URL

from harbor_operator.adapters import s3_xml, tls
from harbor_operator.adapters.http_body import IDENTITY, MAX_BODY_BYTES, UnacceptableBody, read_body
from harbor_operator.adapters.http_headers import retry_after_seconds
from harbor_operator.adapters.http_proxy import check_proxy_login, choose_proxy, describe_failure
from harbor_operator.checks.s3 import explain_s3_error
from harbor_operator.checks.storage import explain_no_answer, explain_unacceptable_answer, explain_untrusted
from harbor_operator.model.egress import Egress, Proxy
from harbor_operator.model.s3 import S3Account, S3Error
from harbor_operator.model.storage import S3_SPEC
from harbor_operator.ports import as_error

DEADLINE_SECONDS = 25.0
COMPLETION_SECONDS = 600.0
"""S3 answers CompleteMultipartUpload only when the object is joined, which can take several minutes."""
CONNECT_SECONDS = 10.0

_IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})
_CODE = re.compile(r"[A-Za-z0-9.]{2,60}")
_REGION = re.compile(r"[A-Za-z0-9-]{1,63}")
_KMS = re.compile(r"\bKMS\b|\bkms:[A-Z]|\bkms-keyid\b")
"""How AWS ('kms:GenerateDataKey', 'KMS.NotFoundException') and Ceph RGW ('kms-keyid: ...') name the service. A bucket
has a name in lower case, so that it matches none of them."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as it is sent; `seconds` is the deadline for all of it, `max_bytes` the limit for the answer."""

    method: str
    url: URL
    headers: Mapping[str, str]
    data: bytes | AsyncIterator[bytes] = b""
    size: int = 0
    seconds: float = DEADLINE_SECONDS
    max_bytes: int = MAX_BODY_BYTES

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be sent twice with the same effect as once: S3 replaces an object or a part as a whole."""
        return self.method in _IDEMPOTENT and isinstance(self.data, bytes)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def error_code(self) -> str:
        """The one word that names the error, or ''."""
        return self._word("Code", _CODE)

    @property
    def region(self) -> str:
        """The region that the store expects, if it says so."""
        header = self.headers.get("x-amz-bucket-region", "")
        return header if _REGION.fullmatch(header) else self._word("Region", _REGION)

    @property
    def is_about_kms(self) -> bool:
        """Whether the answer is an error of the key management service: its code or its message says so."""
        return any(_KMS.search(self._text(element)) for element in ("Code", "Message"))

    def _word(self, element: str, pattern: re.Pattern[str]) -> str:
        found = self._text(element)
        return found if pattern.fullmatch(found) else ""

    def _text(self, element: str) -> str:
        try:
            return s3_xml.first_text(self.body, element)
        except ValueError:
            return ""


@asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Yields a session that reuses its connections, and ends them at the end; it keeps no cookies."""
    opened: list[socket.socket] = []
    connector = aiohttp.TCPConnector(socket_factory=partial(_open_socket, opened))
    try:
        async with aiohttp.ClientSession(
            auto_decompress=False, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            yield session
    finally:
        await _end(opened)


async def send(
    egress: Egress, account: S3Account, exchange: Exchange, persistent: aiohttp.ClientSession | None = None
) -> Response:
    """Sends the request and returns the whole answer, whatever its status; follows no redirect.

    A request that can be sent again uses a connection of the `persistent` session, if there is one. Any other request
    has a connection of its own: a server may close an idle connection while the request is on its way.

    Raises Refused and Unavailable for what is no answer of an HTTP server that the account's authorities trust.
    """
    proxy = choose_proxy(egress, f"`{S3_SPEC}.endpoint`", account.endpoint)
    shown = str(exchange.url.with_query(None))
    try:
        async with asyncio.timeout(exchange.seconds):
            if persistent is not None and exchange.is_repeatable:
                try:
                    return await _exchange(persistent, account, proxy, exchange)
                except aiohttp.ClientConnectorError:
                    raise
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    pass  # the client has tried one more connection, which can be another idle one
            async with open_session() as session:
                return await _exchange(session, account, proxy, exchange)
    except UnacceptableBody as error:
        raise as_error(explain_unacceptable_answer(shown, str(error), f"{S3_SPEC}.endpoint")) from None
    except aiohttp.ClientConnectorCertificateError:
        raise as_error(explain_untrusted(shown, account.ca_secret, S3_SPEC)) from None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise as_error(explain_no_answer(shown, describe_failure(error, proxy), exchange.size)) from None


async def _exchange(
    session: aiohttp.ClientSession, account: S3Account, proxy: Proxy | None, exchange: Exchange
) -> Response:
    """Sends the request in a session; raises as aiohttp does, UnacceptableBody, and ProxyRefusal."""
    length = {"Content-Length": str(exchange.size)} if exchange.size or exchange.method in {"PUT", "POST"} else {}
    async with session.request(
        exchange.method,
        exchange.url,
        headers={**exchange.headers, **IDENTITY, **length},
        data=_as_blocks(exchange.data),
        skip_auto_headers=("Content-Type", "User-Agent"),
        ssl=_ssl_context(account),
        allow_redirects=False,
        proxy=proxy.url.get_secret_value() if proxy else None,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
    ) as response:
        check_proxy_login(proxy, response.status)
        return Response(response.status, response.headers.copy(), await read_body(response, exchange.max_bytes))


def _as_blocks(data: bytes | AsyncIterator[bytes]) -> BytesIO | AsyncIterator[bytes] | None:
    """Returns a body as the client sends it in blocks: bytes would be sent in one piece, on the event loop."""
    if isinstance(data, bytes):
        return BytesIO(data) if data else None
    return data


def _open_socket(opened: list[socket.socket], address: tuple[Any, ...]) -> socket.socket:
    created = socket.socket(*address[:3])
    opened[:] = [used for used in opened if used.fileno() >= 0]  # without those that are closed already
    opened.append(created)
    return created


async def _end(opened: list[socket.socket]) -> None:
    """Ends what was not sent: a server that refuses a body answers early, and may then read nothing more."""
    for used in opened:
        with suppress(OSError):  # closed already
            used.shutdown(socket.SHUT_RDWR)
    await asyncio.sleep(0)


def raise_store_error(about: S3Error, response: Response, code: str) -> NoReturn:
    """Raises the finding for an answer that reports an error; `about` is what is known without the answer."""
    observed = replace(
        about,
        status=response.status,
        code=code,
        from_store="x-amz-request-id" in response.headers or bool(code),
        region=response.region,
        location=response.headers.get("Location", "").partition("?")[0],
        is_about_kms=response.is_about_kms,
    )
    raise as_error(explain_s3_error(observed), retry_after_seconds(response.headers.get("Retry-After"))) from None


def _ssl_context(account: S3Account) -> ssl.SSLContext | bool:
    if not account.endpoint.startswith("https:"):
        return True
    try:
        return tls.ssl_context(account.ca_pem or "")
    except tls.InvalidCaBundle:
        raise as_error(explain_untrusted(account.endpoint, account.ca_secret, S3_SPEC)) from None
