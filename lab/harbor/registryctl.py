"""The registry controller: `python -m lab.harbor.registryctl HOST:PORT REGISTRY CONFIG`, standard library only.

With internal TLS it listens on the port that registryctl has then, and serves HTTPS only.

`POST /api/registry/gc` runs the garbage collection of the real registry on the store of the release, as registryctl of
Harbor 1.9 does. Later versions remove layer by layer with the same storage driver.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab.harbor.internal_tls import PORT, server_context

TIMEOUT_SECONDS = 120.0
MAX_MESSAGE = 2000


def collect(registry: str, config: str) -> tuple[bool, str]:
    """Removes what no manifest references; returns whether that was complete, and the end of the log."""
    try:
        done = subprocess.run(
            [registry, "garbage-collect", config], capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return False, f"no end in {TIMEOUT_SECONDS:g} s"
    return done.returncode == 0, (done.stderr or done.stdout)[-MAX_MESSAGE:]


class Handler(BaseHTTPRequestHandler):
    """Health, and garbage collection."""

    def do_GET(self) -> None:
        """Answers the probes."""
        self._answer(200 if self.path == "/api/health" else 404, {})

    def do_POST(self) -> None:
        """Runs a collection, and answers at its end."""
        if self.path != "/api/registry/gc":
            self._answer(404, {})
            return
        status, message = collect(*sys.argv[2:4])
        self._answer(200, {"status": status, "msg": message})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    # No request log: the probes never stop.
    log_message = staticmethod(lambda *_: None)  # type: ignore[assignment]


class Server(ThreadingHTTPServer):
    """Listens on an address of either family."""

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)


if __name__ == "__main__":
    where, _, number = sys.argv[1].rpartition(":")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # PID 1 ignores signals without a handler
    tls = server_context(os.environ)
    server = Server(where.strip("[]"), PORT if tls else int(number))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
