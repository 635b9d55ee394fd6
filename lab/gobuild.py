"""Builds Go programs of one module, and shows how far it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab.process import LabError
from lab.progress import Task, task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GO_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "GOWORK": "off"}
MAX_TAIL_LINES = 15


def compile_programs(
    title: str, pins: Path, packages: Mapping[str, str], ldflags: str, home: Path, *, tags: str = ""
) -> None:
    """Builds `packages` (by program name) with the go.mod in `pins`, and puts the programs into `home`.

    `tags` are build tags with commas between them, which select files of the packages.

    One run of Go builds all of them: it compiles what they share once, and compiles one program while it links another.
    Raises LabError.
    """
    go = _go_for(title, pins)
    partial = home / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with task(f"Building {title}") as shown:
        total = _download_modules([go, "list", "-tags", tags, "-deps", *packages.values()], pins, shown)
        _compile(
            [go, "build", "-v", "-tags", tags, "-ldflags", ldflags, "-o", f"{partial}/", *packages.values()],
            pins,
            total,
            shown,
        )
    for name, package in packages.items():
        (partial / _file_name(package)).replace(home / name)
    partial.rmdir()


def _download_modules(argv: list[str], pins: Path, shown: Task) -> int:
    """Downloads the modules that are missing, and returns the number of packages to compile."""
    modules = total = 0
    for line in _output(argv, pins):
        if line.startswith("go: downloading"):
            modules += 1
            shown.advance(f"{modules} modules downloaded")
        else:
            total += 1
    return total


def _compile(argv: list[str], pins: Path, total: int, shown: Task) -> None:
    """Compiles; Go names each package that it does not find in its cache."""
    for done, _ in enumerate(_output(argv, pins), start=1):
        shown.advance(f"{done} of {total} packages compiled", done, total)


def _output(argv: list[str], pins: Path) -> Iterator[str]:
    """Yields the lines of a Go command. Raises LabError with the last ones if it fails."""
    env = {**os.environ, **GO_ENV}
    tail: list[str] = []
    with subprocess.Popen(
        argv, cwd=pins, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        for line in child.stdout or ():
            tail = [*tail[1 - MAX_TAIL_LINES :], line.rstrip()]
            yield line
    if child.returncode:
        raise LabError(
            f"a build with Go failed; the modules come from the Go module proxy or the local module cache.\n"
            f"  To reproduce it: cd {pins} && {' '.join(argv)}\n" + "\n".join(f"    {line}" for line in tail)
        )


def _file_name(package: str) -> str:
    """Returns the name that Go gives the program of a package: the last part of its path that is no major version."""
    *parents, last = package.split("/")
    return parents[-1] if re.fullmatch(r"v\d+", last) else last


def _go_for(title: str, pins: Path) -> str:
    """Returns the Go command. Raises LabError if there is none or if it is too old."""
    found = re.search(r"^go (\S+)", (pins / "go.mod").read_text(), re.MULTILINE)
    wanted = found[1] if found else "1.26"
    go = shutil.which("go")
    if go is None:
        raise LabError(
            f"the lab needs {title}, and there is no Go to build it; install Go {wanted} or newer, or set"
            " KUBEBUILDER_ASSETS to a directory with these programs"
        )
    env = {**os.environ, **GO_ENV}
    answer = subprocess.run([go, "env", "GOVERSION"], cwd=pins, env=env, capture_output=True, text=True, check=False)
    if answer.returncode or numbers(answer.stdout) < numbers(wanted):
        seen = answer.stdout.strip() or answer.stderr.strip()
        raise LabError(f"'{go}' is too old to build {title}: its version is '{seen}', required is Go {wanted} or newer")
    return go


def numbers(version: str) -> tuple[int, ...]:
    """Returns the first three numbers of a version, to be compared."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
