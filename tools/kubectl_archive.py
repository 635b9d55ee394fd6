"""Builds `kubectl-harbor` as one executable file (zipapp), which needs Python 3.11 and no package."""

from __future__ import annotations

import os
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "operator" / "harbor_operator"
PARTS = ("__init__.py", "reasons.py", "api/__init__.py", "api/charts.py", "api/kind.py", "api/reconcile_request.py")
"""The modules that the command line imports, beside the folders."""

FOLDERS = ("checks/catalogue", "kubectl")
START = """\
from harbor_operator.kubectl.cli import main

raise SystemExit(main())
"""
FIRST_YEAR = 1980
"""The oldest time of the ZIP format."""

FILE_MODE = 0o100755 << 16


def build(output: Path) -> Path:
    """Writes the file, whose bytes depend on the sources and SOURCE_DATE_EPOCH only, and returns its path."""
    files = [PACKAGE / part for part in (*PARTS, "checks/__init__.py")]
    files += [path for folder in FOLDERS for path in sorted((PACKAGE / folder).rglob("*.py"))]
    moment = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    date = (max(moment.year, FIRST_YEAR), moment.month, moment.day, moment.hour, moment.minute, moment.second)
    with output.open("wb") as target:
        target.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in [("__main__.py", START), *((_name(path), path.read_text()) for path in files)]:
                entry = zipfile.ZipInfo(name, date)
                entry.external_attr = FILE_MODE
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)
    output.chmod(0o755)
    return output


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
