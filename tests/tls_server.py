"""A TLS server that does the handshake and then closes the connection.

It runs in a thread. A server of asyncio cannot wait for connections whose handshake is not complete when a test ends.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, TCPServer

from typing_extensions import override


@contextmanager
def handshakes(context: ssl.SSLContext) -> Iterator[int]:
    """Gives the port; all connections are closed at the end."""

    class Handshake(BaseRequestHandler):
        @override
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True):
                pass

    with TCPServer(("127.0.0.1", 0), Handshake) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
