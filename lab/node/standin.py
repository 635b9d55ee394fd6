"""What stands in for the small parts of Harbor: answers some paths with 200 and everything else with 404.

`python standin.py PORT TEXT PATH...`; with nothing but the standard library. What the chart adds to the arguments is
taken for further paths, which nobody asks for.
"""

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, TEXT, *PATHS = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    """A few paths, one text."""

    def do_GET(self) -> None:
        """Answer."""
        found = self.path in PATHS
        body = TEXT.encode() if found else b"not found\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # Quiet, because the probes come for ever.
    log_message = staticmethod(lambda *_: None)  # type: ignore[assignment]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container must say so itself
    ThreadingHTTPServer(("", int(PORT)), Handler).serve_forever()
