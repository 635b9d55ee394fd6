"""The HTTP connection that python-swiftclient uses here: own TLS trust, bounded answers, and a way to end it.

The client takes such a connection from `swiftclient.Connection.http_connection`, which is public. Of the class that it
builds itself it offers no parameter for redirects, for the environment (proxies, .netrc), for a TLS context or for a
limit on the answer, hence the subclass.
"""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPResponse, RemoteDisconnected
from io import BufferedReader
from threading import Lock
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from swiftclient import ClientException, Connection
from swiftclient.client import HTTPConnection
from typing_extensions import override
from urllib3.connection import HTTPConnection as PlainConnection
from urllib3.connection import HTTPSConnection as TlsConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from harbor_operator.adapters.happy_eyeballs import connect_blocking
from harbor_operator.adapters.http_body import IDENTITY, MAX_BODY_BYTES, read_blocking
from harbor_operator.model.egress import Proxy


class Sockets:
    """The open sockets of a connection; `abort` ends every read and write on them, from any thread.

    A timeout of the client counts from byte to byte. Only this stops a server that sends one byte at a time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_aborted = False
        self._originals: list[socket.socket] = []
        self._duplicates: list[socket.socket] = []

    def add(self, connected: socket.socket) -> None:
        """Registers a socket; a duplicate, because TLS takes the original over."""
        with self._lock:
            self._originals.append(connected)
            self._duplicates.append(connected.dup())
            if self._is_aborted:
                self._shut_down()

    @property
    def count(self) -> int:
        """How many sockets were registered."""
        with self._lock:
            return len(self._duplicates)

    @property
    def is_aborted(self) -> bool:
        """Whether the exchange was ended."""
        return self._is_aborted

    def abort(self) -> None:
        """Ends the exchange; a socket that is registered later ends at once. Idempotent."""
        with self._lock:
            self._is_aborted = True
            self._shut_down()

    def close(self) -> None:
        """Ends the exchange and closes the sockets. Idempotent.

        The client alone does not: urllib3 closes pooled sockets when their pool is collected as garbage, http.client
        those of an unreadable answer likewise, and swiftclient does not close the response of an error (`requests`
        calls such a response false).
        """
        with self._lock:
            self._shut_down()
            while self._duplicates:
                self._duplicates.pop().close()
            while self._originals:
                # Not `close`, which waits for the files that were made of the socket. -1: TLS has taken it over.
                descriptor = self._originals.pop().detach()
                if descriptor >= 0:
                    os.close(descriptor)

    def _shut_down(self) -> None:
        for duplicate in self._duplicates:
            try:
                duplicate.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # not connected any more


@dataclass(frozen=True, slots=True)
class Transport:
    """How a store is reached: the trusted authorities, the timeouts for connect and read in seconds, and a proxy.

    `max_bytes` is the limit of each answer.
    """

    trust: ssl.SSLContext
    timeout: tuple[float, float]
    proxy: Proxy | None = None
    max_bytes: int = MAX_BODY_BYTES


class SwiftConnection(Connection):  # type: ignore[misc] # the client has no type information
    """A client connection without retries; the token is that of a session, or empty for a login."""

    def __init__(self, url: str, token: str, transport: Transport, sockets: Sockets) -> None:
        super().__init__(preauthurl=url, preauthtoken=token, retries=0, timeout=transport.timeout)
        self._transport = transport
        self._sockets = sockets

    def http_connection(self, url: str | None = None) -> tuple[Any, HTTPConnection]:
        """Returns the parsed URL and the connection, as the client expects it."""
        connection = _BoundedConnection(url or self.url, self._transport, self._sockets)
        return connection.parsed_url, connection


class _BoundedConnection(HTTPConnection):  # type: ignore[misc] # the client has no type information
    """A connection that takes nothing from the environment, follows no redirect, and limits each answer."""

    def __init__(self, url: str, transport: Transport, sockets: Sockets) -> None:
        super().__init__(url, timeout=transport.timeout)
        self.requests_args["allow_redirects"] = False
        if transport.proxy:
            # The client's own parameter has the scheme of the proxy for that of the store.
            proxy = transport.proxy.url.get_secret_value()
            self.requests_args["proxies"] = {"http": proxy, "https": proxy}
        self.request_session.trust_env = False
        self._max_bytes = transport.max_bytes
        adapter = _TransportAdapter(transport.trust, sockets)
        for scheme in ("http://", "https://"):
            self.request_session.mount(scheme, adapter)

    def request(
        self, method: str, full_path: str, data: Any = None, headers: dict[str, str] | None = None, files: Any = None
    ) -> requests.Response:
        """Sends the request; accepts no compression, also where the client would."""
        response = super().request(method, full_path, data, {**(headers or {}), **IDENTITY}, files)
        assert isinstance(response, requests.Response)  # noqa: S101 - types an untyped library
        return response

    def getresponse(self) -> Any:
        """Returns the response with a bounded `read`.

        An error whose body is cut is still that error: servers that refuse a large body close the connection before
        they have sent all.
        """
        response = super().getresponse()

        def read(*_size: int) -> bytes:
            encoding = str(response.headers.get("Content-Encoding", ""))
            try:
                return read_blocking(response.raw.read, encoding, self._max_bytes)
            except HTTPError:
                if response.status_code < requests.codes.bad_request:
                    raise
                raise ClientException.from_response(response, "", b"-") from None

        response.read = read
        return response


class _TransportAdapter(HTTPAdapter):
    """The transport of a requests session, with a given TLS context, whose sockets are registered."""

    def __init__(self, trust: ssl.SSLContext, sockets: Sockets) -> None:
        self._trust = trust
        self._sockets = sockets
        super().__init__(max_retries=0)

    @override
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._trust, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._sockets)

    @override
    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._trust, **proxy_kwargs)
        manager.pool_classes_by_scheme = _pool_classes(self._sockets)
        return manager

    @override
    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        # The original adds the authorities of the package certifi to the context.
        conn.cert_reqs = "CERT_REQUIRED"


class _CompleteResponse(HTTPResponse):
    """A response whose headers are complete; `begin` raises RemoteDisconnected if the connection ends before they do.

    http.client takes the end of a connection for the end of the headers. Without some of its headers, an answer says
    something else: an object has no owner, or was not adopted.
    """

    @override
    def begin(self) -> None:
        answer = self.fp
        reader = cast("BufferedReader", _HeaderReader(answer))
        self.fp = reader
        try:
            super().begin()
        finally:
            if self.fp is reader:  # not closed by the base class
                self.fp = answer


class _HeaderReader:
    """Reads lines of a connection that must not end."""

    def __init__(self, answer: BufferedReader) -> None:
        self._answer = answer

    def readline(self, size: int) -> bytes:
        line = self._answer.readline(size)
        if not line:
            raise RemoteDisconnected("the connection ended before the headers did")
        return line

    def close(self) -> None:
        self._answer.close()


def _connected(connection: PlainConnection, sockets: Sockets) -> socket.socket:
    """Returns a registered socket; raises as urllib3, which waits for one address of the host after the other."""
    assert connection.timeout is not None  # noqa: S101 - every transport has a timeout
    try:
        connected = connect_blocking(connection.host.strip("[]"), connection.port, connection.timeout)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"no connection to '{connection.host}' in time") from error
    except OSError as error:
        raise NewConnectionError(connection, f"no connection to '{connection.host}': {error}") from error
    for option in connection.socket_options or ():
        connected.setsockopt(*option)
    sockets.add(connected)
    return connected


def _pool_classes(sockets: Sockets) -> dict[str, type[HTTPConnectionPool]]:
    """Returns pools whose connections register their socket; urllib3 offers no hook but `_new_conn` for that."""

    class Plain(PlainConnection):
        response_class = _CompleteResponse

        @override
        def _new_conn(self) -> socket.socket:
            return _connected(self, sockets)

    class Tls(TlsConnection):
        response_class = _CompleteResponse

        @override
        def _new_conn(self) -> socket.socket:
            return _connected(self, sockets)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
