"""Swift clients whose connection stays open between reads.

Only reads use them: a server may close an idle connection while a request is on its way, and a read can be sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

import requests

from harbor_operator.adapters.swift_connection import Route, map_errors, new_client, proxy_of
from harbor_operator.adapters.swift_transport import Sockets, SwiftConnection
from harbor_operator.model.egress import Egress
from harbor_operator.model.storage import StoreError, SwiftSession

T = TypeVar("T")


class ReadClient:
    """A client for reads of one session, one at a time; each answer has up to `max_bytes`."""

    def __init__(self, session: SwiftSession, egress: Egress, max_bytes: int) -> None:
        self.session, self.max_bytes = session, max_bytes
        self._sockets = Sockets()
        self._egress = egress
        self._client: SwiftConnection | None = None
        self._lock = Lock()
        self._is_reading = False

    @property
    def is_reusable(self) -> bool:
        """Whether it is connected, and was from its first read on."""
        return self._sockets.count == 1

    def read(self, about: StoreError, work: Callable[[Any], T]) -> T:
        """Returns what `work` does with the client, in a thread; raises as `swift_connection.connected` does."""
        with self._lock:
            self._is_reading = True
        is_complete = False
        try:
            answer = self._read(about, work)
            is_complete = True
        finally:
            with self._lock:
                self._is_reading = False
                if not is_complete or self._sockets.is_aborted:
                    self.close()
        return answer

    def _read(self, about: StoreError, work: Callable[[Any], T]) -> T:
        proxy = proxy_of(self.session, self._egress)
        with map_errors(about, self.session.account, proxy):
            if self._client is None:
                route = Route(self._sockets, self._egress, max_bytes=self.max_bytes)
                self._client = new_client(self.session, route, proxy)
                return work(self._client)
            try:
                return work(self._client)
            except requests.ConnectionError:
                return work(self._client)  # connects again

    def abandon(self) -> None:
        """Ends its read, from any thread, and closes it; a thread that still reads does that."""
        with self._lock:
            self._sockets.abort()
            if not self._is_reading:
                self.close()

    def close(self) -> None:
        """Closes it while it does not read. Idempotent."""
        if self._client is not None:
            self._client.close()
        self._sockets.close()


class ReadClients:
    """The clients that wait for their next read; for one event loop."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._idle: list[ReadClient] = []

    def take(self, session: SwiftSession, max_bytes: int) -> ReadClient:
        """Returns a client of the session that is connected, else a new one."""
        for client in self._idle:
            if (client.session, client.max_bytes) == (session, max_bytes):
                self._idle.remove(client)
                return client
        return ReadClient(session, self._egress, max_bytes)

    def give_back(self, client: ReadClient) -> None:
        """Keeps a client whose read is complete, unless it had to connect again; closes any other."""
        if client.is_reusable:
            self._idle.append(client)
        else:
            client.close()

    def close(self) -> None:
        """Closes the clients that wait. Idempotent."""
        while self._idle:
            self._idle.pop().close()
