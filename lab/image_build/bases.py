"""The inputs of the Dockerfile, created on this machine: Debian with Python, the locked packages, and Go."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.debian import locate
from lab.gotools import PROGRAMS
from lab.process import LabError

DEBIAN_PACKAGES = ("ca-certificates", "python3", "python3-venv", "python-is-python3")
UNWANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
PYTHON_ENV = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", "LANG": "C.UTF-8"}
GO_CACHE = "/go/cache"
GO_ENV = {
    **PYTHON_ENV,
    "PATH": f"/go/bin:/usr/local/go/bin:{PYTHON_ENV['PATH']}",
    "GOPATH": "/go",
    "GOCACHE": GO_CACHE,
}
"""As in the official images, except for the location of the build cache."""
GO_PLACES = {"GOROOT": "/usr/local/go:ro", "GOMODCACHE": "/go/pkg/mod", "GOCACHE": GO_CACHE}
ARGUMENT = re.compile(r"^ARG (\w+)_IMAGE=(\S+)$", re.MULTILINE)
PYTHON_NAME = re.compile(r".*/python:(?P<version>\d+\.\d+)-slim-(?P<suite>\w+)")
MARKER = re.compile(r" ; .*(?= \\$)", re.MULTILINE)
MAX_SHOWN_LINES = 15


@dataclass(frozen=True)
class Bases:
    """The base images of the Dockerfile, and the releases in their names."""

    go: str
    python: str
    python_version: str
    suite: str

    @classmethod
    def read(cls, dockerfile: str) -> Bases:
        """Parses the text of a Dockerfile. Raises LabError if an argument is missing."""
        names = dict(ARGUMENT.findall(dockerfile))
        promised = PYTHON_NAME.fullmatch(names.get("PYTHON", ""))
        if promised is None or "GO" not in names:
            raise LabError("the Dockerfile has no `ARG GO_IMAGE=...` and `ARG PYTHON_IMAGE=.../python:X.Y-slim-SUITE`")
        return cls(names["GO"], names["PYTHON"], promised["version"], promised["suite"])


def debian_root(folder: Path, suite: str) -> Path:
    """Returns a tar file with a Debian and its Python; created once."""
    recipe = (suite, DEBIAN_PACKAGES, UNWANTED, platform.machine())
    target = folder / f"debian-{_digest(recipe)}.tar"
    if not target.exists():
        tool = locate("mmdebstrap", ["mmdebstrap"])
        partial = target.with_suffix(".partial.tar")
        options = [f"--include={','.join(DEBIAN_PACKAGES)}", *(f"--dpkgopt=path-exclude={path}" for path in UNWANTED)]
        path = f"{tool.path.parent}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        command = [str(tool.path), "--quiet", "--mode=root", "--variant=minbase", *options, suite, str(partial)]
        _run(command, {**tool.env, "PATH": path})
        partial.replace(target)
    return target


def wheels(folder: Path, lock: str, python_version: str) -> Path:
    """Returns a directory with every package of the lock; pip in the image selects from it."""
    target = folder / f"wheels-{_digest((lock, python_version, platform.machine()))}"
    if not target.exists():
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        everything = partial / "requirements.txt"
        everything.write_text(MARKER.sub("", lock))
        options = [
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
            f"--python-version={python_version}",
        ]
        _run([sys.executable, "-m", "pip", "download", *options, "--dest", str(partial), "-r", str(everything)])
        partial.replace(target)
    return target


def pip_configuration(path: Path) -> Path:
    """Writes a pip configuration that installs from `/wheels` without an index."""
    path.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    return path


def go_mounts() -> dict[Path, str]:
    """Returns mounts for this machine's Go and its caches, which contain all modules of helm."""
    spec = PROGRAMS["helm"]
    _run(["go", "list", "-deps", spec.package], {"GOFLAGS": "-mod=readonly", "GOWORK": "off"}, spec.pins)
    places = _run(["go", "env", *GO_PLACES]).split()
    return {Path(place): target for place, target in zip(places, GO_PLACES.values(), strict=True)}


def go_version() -> str:
    """Returns the Go version of this machine."""
    return _run(["go", "env", "GOVERSION"]).strip()


def _digest(parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _run(command: list[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    full_env = {**os.environ, **(env or {})}
    done = subprocess.run(command, env=full_env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()[-MAX_SHOWN_LINES:]
        raise LabError(f"`{' '.join(command)}` ended with status {done.returncode}:\n" + "\n".join(lines))
    return done.stdout
