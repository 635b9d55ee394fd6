"""Builds `kubectl-harbor` as one executable file (zipapp), which needs Python 3.11 and no package.

Beside each module is its bytecode for the Python that builds the file: with the same minor version, nothing is compiled
at a start. Another one does not accept the bytecode, and compiles the sources as before.
"""

from __future__ import annotations

import ast
import base64
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "operator"
PROGRAM = SOURCES / "harbor_operator" / "kubectl"
LEFT_OUT = {
    *(
        PROGRAM / name
        for name in (
            *("rendered.py", "preflight.py", "release_checks.py", "authentication_checks.py", "dry_run.py"),
            *("operator_settings.py", "pod_doctor.py", "read_gateways.py"),
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
COMPILE = """\
import base64, importlib.util, json, marshal, sys
HEADER = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)  # PEP 552: unchecked, without a hash
sources = json.load(sys.stdin)
code = {name: marshal.dumps(compile(text, name, "exec", dont_inherit=True)) for name, text in sources.items()}
json.dump({name: base64.b64encode(HEADER + made).decode() for name, made in code.items()}, sys.stdout)
"""
FIRST_YEAR = 1980
"""The oldest time of the ZIP format."""

FILE_MODE = 0o100755 << 16


def build(output: Path) -> Path:
    """Writes the file and returns its path; its bytes depend on the sources, SOURCE_DATE_EPOCH and this Python."""
    files = sorted(_modules())
    moment = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    date = (max(moment.year, FIRST_YEAR), moment.month, moment.day, moment.hour, moment.minute, moment.second)
    with output.open("wb") as target:
        target.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            sources = {"__main__.py": START, **{_name(path): path.read_text() for path in files}}
            contents = {name: text.encode() for name, text in sources.items()}
            contents |= {f"{name}c": code for name, code in _compile(sources).items()}
            for name, content in sorted(contents.items()):
                entry = zipfile.ZipInfo(name, date)
                entry.external_attr = FILE_MODE
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)
    output.chmod(0o755)
    return output


def _compile(sources: Mapping[str, str]) -> dict[str, bytes]:
    """Returns the content of the `.pyc` file of each source, which Python does not compare with the source.

    In a process of its own: otherwise, what this one has loaded could change a byte.
    """
    argv = [sys.executable, "-I", "-S", "-c", COMPILE]
    done = subprocess.run(  # noqa: S603 - this Python
        argv, input=json.dumps(sources), capture_output=True, text=True, check=True, env={}
    )
    return {name: base64.b64decode(code) for name, code in json.loads(done.stdout).items()}


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
