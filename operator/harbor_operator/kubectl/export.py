"""`export`: the projects and settings of a Harbor that runs already, as a HarborRegistry."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import write, write_json

STANDARD_INPUT = "-"


def run(options: argparse.Namespace) -> int:
    """Prints the manifest; returns 1 if something of Harbor has no place in it."""
    try:
        from harbor_operator.kubectl.exporting.reader import Source, export  # noqa: PLC0415 - not in the file
        from harbor_operator.kubectl.exporting.spec import as_yaml  # noqa: PLC0415
    except ImportError:
        text = "`export` needs the whole package, and this is the single file: run `uv tool install ./harbor-operator`"
        raise CommandError(text) from None
    ca = _read(options.ca_file, "--ca-file") if options.ca_file else ""
    password = _read(options.password_file, "--password-file").rstrip("\r\n")
    found = export(Source(options.url, ca, options.username, password), options.timeout)
    if options.output == "json":
        write_json({"registry": found.manifest, "tasks": [*found.tasks], "leftOut": [*found.left_out]})
    else:
        write(as_yaml(found).splitlines())
    return 1 if found.left_out else 0


def _read(filename: str, argument: str) -> str:
    try:
        return sys.stdin.read() if filename == STANDARD_INPUT else Path(filename).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CommandError(f"`{argument} {filename}` cannot be read: {error}") from None
