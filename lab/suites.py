"""Servers of other Debian releases than the machine's, so that the lab can run older and newer versions.

    locate("trixie", "valkey-server", ["valkey-server"])    -> lab.debian.Tool

The packages are unpacked with all their dependencies, C library included. Each program has a launcher, which starts it
with the loader and the libraries of its own release. Neither root nor a chroot is necessary. The machine must be
Debian: its package sources name the mirror, and its keys verify the releases.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lab.debian import Tool, unpacked
from lab.process import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LAUNCHERS = "launchers"
EXECUTABLE = 0o755

LAUNCHER = """#!/bin/sh
exec {loader} --argv0 {program} --library-path {libraries} {program} "$@"
"""
SCRIPT_LAUNCHER = """#!/bin/sh
exec {launchers}/python3 {program} "$@"
"""


def locate(suite: str, program: str, packages: Sequence[str]) -> Tool:
    """Returns `program` of the Debian release `suite`, unpacked on first use. Raises LabError."""
    prefix = unpacked(program, tuple(sorted(packages)), suite=suite, finish=write_launchers)
    launcher = prefix / LAUNCHERS / program
    if not launcher.exists():
        raise LabError(f"the packages {', '.join(packages)} of Debian '{suite}' do not contain '{program}'")
    modules = prefix / "usr/lib/python3/dist-packages"
    return Tool(launcher, {"PYTHONPATH": str(modules)} if modules.is_dir() else {}, prefix)


def write_launchers(partial: Path, prefix: Path) -> None:
    """Writes a launcher for each program below `partial`, which becomes `prefix`."""
    # The C library of older releases is below /lib, all other libraries are below /usr/lib.
    libc = next(path for place in ("lib", "usr/lib") for path in (partial / place).glob("*/libc.so.6")).parent
    loader = next(libc.glob("ld-linux*.so.*"))
    libraries = [libc, partial / "usr/lib" / libc.name, partial / "usr/lib" / libc.name / "ceph"]
    places = {
        "loader": prefix / loader.relative_to(partial),
        "libraries": ":".join(str(prefix / path.relative_to(partial)) for path in dict.fromkeys(libraries)),
        "launchers": prefix / LAUNCHERS,
    }
    (partial / LAUNCHERS).mkdir()
    for program in _programs(partial):
        if template := _template(program):
            launcher = partial / LAUNCHERS / program.name
            launcher.write_text(template.format(program=prefix / program.relative_to(partial), **places))
            launcher.chmod(EXECUTABLE)


def _template(program: Path) -> str:
    """Returns the launcher of a binary or of a Python script; scripts of other languages have none."""
    first = program.read_bytes().partition(b"\n")[0]
    if first.startswith(b"\x7fELF"):
        return LAUNCHER
    return SCRIPT_LAUNCHER if first.startswith(b"#!") and b"python3" in first else ""


def _programs(root: Path) -> Iterator[Path]:
    for directory in ("usr/bin", "usr/sbin"):
        for path in (root / directory).glob("*"):
            if path.resolve().is_relative_to(root) and path.is_file() and os.access(path, os.X_OK):
                yield path
