"""Serves Keystone's API: `python serve.py HOST PORT`; the variable OS_KEYSTONE_CONFIG_FILES names its configuration."""

from __future__ import annotations

import sys

from keystone.server.wsgi import initialize_public_application  # type: ignore[import-not-found]
from werkzeug.serving import run_simple

if __name__ == "__main__":
    host, port = sys.argv[1], int(sys.argv[2])
    del sys.argv[1:]  # Keystone reads them as its own
    run_simple(host, port, initialize_public_application(), threaded=True)
