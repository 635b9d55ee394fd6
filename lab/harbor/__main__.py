"""`python -m lab.harbor --listen HOST:PORT` with the environment of Harbor's core container.

With internal TLS it listens on the port that core has then, and serves HTTPS only.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys

import psycopg
from aiohttp import web

from lab.harbor.app import make_app
from lab.harbor.internal_tls import PORT, server_context
from lab.harbor.settings import BadSettings, read_settings
from lab.harbor.state import DirtyDatabase, NewerDatabase


def main() -> int:
    """Serves until SIGTERM; like core, ends at once if the environment or the database is unusable."""
    parser = argparse.ArgumentParser(prog="python -m lab.harbor", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
    host, _, port = parser.parse_args().listen.rpartition(":")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("psycopg").setLevel(logging.WARNING)
    try:
        tls = server_context(os.environ)
        web.run_app(
            make_app(read_settings(os.environ)),
            host=host.strip("[]"),
            port=PORT if tls else int(port),
            ssl_context=tls,
            print=None,
            shutdown_timeout=1,
        )
    except (BadSettings, DirtyDatabase, NewerDatabase, psycopg.Error, OSError) as error:
        print(f"harbor stand-in: cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
