"""`restore --rehearse`: proves that a bundle can be restored, in scratch databases that it drops."""

from __future__ import annotations

import argparse
from pathlib import Path

from harbor_operator.kubectl.doctor import as_mapping, lines
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.findings import has_error
from harbor_operator.kubectl.output import write, write_json


def run(options: argparse.Namespace) -> int:
    """Prints what the bundle proved; returns 1 if a check failed."""
    try:
        from harbor_operator.kubectl.backups.rehearsal import Rehearsal, parse_server, rehearse  # noqa: PLC0415
    except ImportError:
        text = "`restore` needs the whole package, and this is the single file: run `uv tool install ./harbor-operator`"
        raise CommandError(text) from None
    server = parse_server(options.scratch)
    request = Rehearsal(Path(options.bundle), server, options.identity, options.chart_version, options.timeout)
    registry, findings = rehearse(request)
    if options.output == "json":
        write_json(as_mapping(registry, findings))
    else:
        write(lines(registry, findings))
    return 1 if has_error(findings) else 0
