"""What the HTTP clients share: which proxy leads to an allowed host, its failures, and a TLS connection through it."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

import aiohttp

from harbor_operator.adapters import happy_eyeballs
from harbor_operator.api.addresses import join_host_port
from harbor_operator.checks.egress import check_url, describe_proxy_failure
from harbor_operator.model.egress import DEFAULT_PORTS, Egress, Proxy
from harbor_operator.ports import as_error

MAX_HEAD_BYTES = 16 << 10
"""For the answer of a proxy to CONNECT."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})\b")
_NOT_HTTP = "does not answer in HTTP"


class ProxyRefusal(OSError):  # noqa: N818 - named for the answer, as the exceptions of the ports are
    """A proxy that answers CONNECT with an error."""


def choose_proxy(egress: Egress, source: str, url: str) -> Proxy | None:
    """Returns the proxy of the URL, None for a direct connection; `source` says in words what names the URL.

    Raises Refused(HOST_NOT_ALLOWED).
    """
    if blocked := check_url(egress.hosts, source, url):
        raise as_error(blocked)
    return egress.proxies.proxy_of(url)


def proxy_refusal(status: int) -> str:
    """Returns what the error answer of a proxy means; it completes "the proxy ..."."""
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return f"requires a login (HTTP {status})"
    return f"refuses the connection (HTTP {status})"


def check_proxy_login(proxy: Proxy | None, status: int) -> None:
    """Raises ProxyRefusal if the proxy, and not the server behind it, answered with this status."""
    if proxy and status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        raise ProxyRefusal(proxy_refusal(status))


def describe_failure(error: Exception, proxy: Proxy | None) -> str:
    """Returns what failed before an answer arrived, without the text of aiohttp, which may quote URL and answer."""
    if proxy and (failure := proxy_failure(error)):
        return describe_proxy_failure(proxy, failure)
    return getattr(getattr(error, "os_error", None), "strerror", None) or type(error).__name__


def proxy_failure(error: Exception) -> str:
    """Returns what the proxy itself did wrong, or an empty text if the error is not the proxy's."""
    match error:
        case aiohttp.ClientHttpProxyError():
            return proxy_refusal(error.status)
        case aiohttp.ClientProxyConnectionError():
            return f"does not answer: {error.os_error.strerror or type(error.os_error).__name__}"
        case ProxyRefusal():
            return str(error)
        case _:
            return ""


@asynccontextmanager
async def connected(url: str, context: ssl.SSLContext, proxy: Proxy | None) -> AsyncIterator[asyncio.StreamWriter]:
    """Yields a connection to the host of an https:// URL after the TLS handshake; nothing else was sent.

    Raises OSError, ProxyRefusal for an error of the proxy among them, asyncio.IncompleteReadError and ValueError.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS["https"]
    if proxy is None:
        connected = await happy_eyeballs.connect(host, port)
        _, writer = await asyncio.open_connection(sock=connected, ssl=context, server_hostname=host)
    else:
        writer = await _tunnel(proxy, host, port)
    try:
        if proxy is not None:
            await writer.start_tls(context, server_hostname=host)
        yield writer
    finally:
        writer.transport.abort()  # no data was sent; a graceful TLS close would cost a round trip


async def _tunnel(proxy: Proxy, host: str, port: int) -> asyncio.StreamWriter:
    parts = urlsplit(proxy.url.get_secret_value())
    address = parts.hostname or "", parts.port or DEFAULT_PORTS["http"]
    try:
        connected = await happy_eyeballs.connect(*address)
        reader, writer = await asyncio.open_connection(sock=connected, limit=MAX_HEAD_BYTES)
    except OSError as error:
        raise ProxyRefusal(f"does not answer: {error.strerror or type(error).__name__}") from None
    target = join_host_port(host, port)
    login = ""
    if parts.username is not None:
        plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        login = f"Proxy-Authorization: Basic {base64.b64encode(plain).decode()}\r\n"
    try:
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n".encode())
        _check_head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.LimitOverrunError:
        writer.transport.abort()
        raise ProxyRefusal(_NOT_HTTP) from None
    except BaseException:
        writer.transport.abort()
        raise
    return writer


def _check_head(head: bytes) -> None:
    """Raises ProxyRefusal unless the answer to CONNECT is a success."""
    found = _STATUS_LINE.match(head)
    if found is None:
        raise ProxyRefusal(_NOT_HTTP)
    if int(found[1]) != HTTPStatus.OK:
        raise ProxyRefusal(proxy_refusal(int(found[1])))
