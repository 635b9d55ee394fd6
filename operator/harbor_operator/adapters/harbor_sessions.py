"""Connections to Harbor: one for each request, or shared by the reads of one pass."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

import aiohttp

from harbor_operator.adapters import tls
from harbor_operator.checks.reachability import explain_invalid_bundle
from harbor_operator.ports import as_error

# Harbor's health check waits ten seconds for an unreachable Redis, and a wrong password takes more than one.
DEADLINE_SECONDS = 20.0
_READS = {"GET", "HEAD"}


class _Sessions:
    """The sessions of one pass, by the CA bundle that they trust.

    A task that outlives the pass finds them closed, and opens a connection of its own.
    """

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._by_ca: dict[str, aiohttp.ClientSession] = {}
        self.is_open = True

    async def get(self, ca: str) -> aiohttp.ClientSession:
        """Returns the session for a CA bundle. Raises Refused if it contains no certificate."""
        if ca not in self._by_ca:
            self._by_ca[ca] = await self._stack.enter_async_context(_session(ca))
        return self._by_ca[ca]

    async def aclose(self) -> None:
        """Closes every connection."""
        self.is_open = False
        await self._stack.aclose()


_shared: ContextVar[_Sessions | None] = ContextVar("harbor_sessions", default=None)


@asynccontextmanager
async def shared_connections() -> AsyncIterator[None]:
    """Lets the reads of this task, and of the tasks that it starts, reuse connections until the end.

    Outside of it each request has a connection of its own, and so has every write: a server may close an idle
    connection while a request is on its way, and only a read can then be sent again.
    """
    sessions = _Sessions()
    token = _shared.set(sessions)
    try:
        yield
    finally:
        _shared.reset(token)
        await sessions.aclose()


@asynccontextmanager
async def session_for(ca: str, method: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Yields the session of the pass for a read, else one of its own. Raises Refused if `ca` has no certificate."""
    shared = _shared.get()
    if shared is not None and shared.is_open and method in _READS:
        yield await shared.get(ca)
        return
    async with _session(ca) as session:
        yield session


def ssl_context(ca_pem: str) -> ssl.SSLContext:
    """Returns the TLS context of a registry; raises Refused if its CA bundle holds no certificate."""
    try:
        return tls.ssl_context(ca_pem)
    except tls.InvalidCaBundle as error:
        raise as_error(explain_invalid_bundle()) from error


def _session(ca: str) -> aiohttp.ClientSession:
    # A connection stays open until its session ends, which aborts it and waits; aiohttp starts a TLS shutdown for one
    # that it closes earlier (`force_close`), and nothing waits for that.
    # With a cookie Harbor treats the client as a browser and requires a CSRF token, so none is kept.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=ssl_context(ca)),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS),
        auto_decompress=False,
    )
