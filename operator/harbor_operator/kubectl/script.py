"""`completion`: the program that kubectl runs for the completion of this command."""

from __future__ import annotations

import argparse

from harbor_operator.kubectl.output import write

SCRIPT = """\
#!/bin/sh
# kubectl runs a program of this name, from a folder of PATH, to complete `kubectl harbor`.
exec kubectl-harbor __complete "$@"
"""


def run(_options: argparse.Namespace) -> int:
    """Prints the script."""
    write(SCRIPT.splitlines())
    return 0
