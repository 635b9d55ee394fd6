"""What stands in for the small parts of Harbor: answers one path with 200 and everything else with 404.

`python standin.py PORT PATH TEXT`; with nothing but the standard library.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, PATH, TEXT = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    """One path, one text."""

    def do_GET(self) -> None:
        """Answer."""
        found = self.path == PATH
        body = TEXT.encode() if found else b"not found\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # Quiet, because the probes come for ever.
    log_message = staticmethod(lambda *_: None)  # type: ignore[assignment]


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(PORT)), Handler).serve_forever()
