"""The front door: `run` the operator, print the `crd`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from harbor_operator import __version__
from harbor_operator.api.crd import crd_yaml
from harbor_operator.settings import SettingsError, read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 stopped because something is wrong, 2 wrong usage or settings."""
    parser = argparse.ArgumentParser(prog="harbor-operator", description="Kubernetes operator for the Harbor registry.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the operator (settings: HARBOR_OPERATOR_*, see docs/settings.md)")
    commands.add_parser("crd", help="print the CustomResourceDefinition")
    chosen = parser.parse_args(arguments)
    if chosen.command == "crd":
        sys.stdout.write(crd_yaml())
        return 0
    return _run()


def _run() -> int:
    # The first process of a container is spared by a signal nobody handles, and what follows takes a second to load.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    # Imported here: printing the CRD need not load every client.
    from harbor_operator.app import run  # noqa: PLC0415

    return run(settings)
