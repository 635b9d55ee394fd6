"""Builds `kubectl-harbor` as one executable file (zipapp), which needs Python 3.11 and no package."""

from __future__ import annotations

import ast
import os
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "operator"
PROGRAM = SOURCES / "harbor_operator" / "kubectl"
LEFT_OUT = {
    *(
        PROGRAM / name
        for name in (
            *("rendered.py", "preflight.py", "release_checks.py", "authentication_checks.py", "dry_run.py"),
            *("operator_settings.py", "pod_doctor.py"),
        )
    ),
    SOURCES / "harbor_operator" / "api" / "crd.py",
    *(path for folder in ("planning", "exporting", "backups") for path in (PROGRAM / folder).iterdir()),
}
"""They need other packages, and import most of the operator."""

START = """\
from harbor_operator.kubectl.cli import main

raise SystemExit(main())
"""
FIRST_YEAR = 1980
"""The oldest time of the ZIP format."""

FILE_MODE = 0o100755 << 16


def build(output: Path) -> Path:
    """Writes the file, whose bytes depend on the sources and SOURCE_DATE_EPOCH only, and returns its path."""
    files = sorted(_modules())
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
    return str(path.relative_to(SOURCES))


def _modules() -> set[Path]:
    """Returns the files of the command line, and of every module of the package that one of them imports."""
    found: set[Path] = set()
    pending = [*PROGRAM.rglob("*.py")]
    while pending:
        path = pending.pop()
        if path not in found and path not in LEFT_OUT:
            found.add(path)
            pending += [file for name in _imports(path) for file in _files(name)]
    return found


def _imports(path: Path) -> Iterator[str]:
    """Yields the dotted names that a file imports: of modules, and of what it takes from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _files(name: str) -> Iterator[Path]:
    """Yields the files that an import of `name` runs: its packages and its module, those that are the operator's."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        module = SOURCES.joinpath(*parts[:length])
        yield from (file for file in (module / "__init__.py", module.with_suffix(".py")) if file.is_file())


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
