"""A stub for the small components of Harbor: answers some paths with 200 and all others with 404.

`python http_stub.py PORT TEXT PATH...`; standard library only. Arguments that the chart appends become further paths.
With internal TLS it listens on the port that jobservice and Trivy have then, and serves HTTPS only.
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab.harbor import internal_tls

PORT, TEXT, *PATHS = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    """Answers all paths with the same text."""

    def do_GET(self) -> None:
        """Answers one request."""
        found = self.path in PATHS
        body = TEXT.encode() if found else b"not found\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # No request log: the probes never stop.
    log_message = staticmethod(lambda *_: None)  # type: ignore[assignment]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # PID 1 ignores signals without a handler
    tls = internal_tls.server_context(os.environ)
    server = ThreadingHTTPServer(("", internal_tls.PORT if tls else int(PORT)), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
