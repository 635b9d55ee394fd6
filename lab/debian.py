"""Programs of the lab: from PATH, else from Debian packages that are unpacked into the cache.

Unpacking needs neither root nor the package manager's lock, and changes nothing outside the cache. Only packages that
are not installed are downloaded, so a prefix is valid for one machine image: its name includes release and packages.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lab import progress
from lab.cache import locked
from lab.process import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STANDARD_PATHS = ("usr/local/sbin", "usr/sbin", "sbin", "usr/bin", "usr/lib/postgresql/*/bin")
LISTS_MAX_AGE_SECONDS = 60 * 60
"""Older package lists can name archives that the mirrors have removed."""

CODENAME = "VERSION_CODENAME"
APT_CONFIG = """
Dir::State::lists "{home}/lists";
Dir::Cache "{home}/apt";
Debug::NoLocking "1";
APT::Sandbox::User "";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
"""Private directories only, without the machine's hooks, which would change files outside the cache."""

SUITE_CONFIG = """
Dir::Etc::sourcelist "{home}/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::status "{home}/status";
Acquire::Check-Valid-Until "false";
"""
"""The sources of another release, and no installed packages. A mirror may lag behind: an old list of a testing release
is still signed."""


@dataclass(frozen=True)
class Tool:
    """A program, and the variables that it needs in its environment."""

    path: Path
    env: Mapping[str, str] = field(default_factory=dict)
    prefix: Path | None = None
    """The directory of its unpacked packages; None if the program is installed on this machine."""

    def beside(self, name: str) -> Path:
        """Returns another program in the same directory, after links are resolved."""
        return self.path.resolve().parent / name


def locate(program: str, packages: Sequence[str]) -> Tool:
    """Returns `program` from PATH or a standard path, else from `packages`, unpacked on first use. Raises LabError."""
    if installed := find_installed(program):
        return Tool(installed)
    prefix = unpacked(program, tuple(sorted(packages)))
    found = _search(prefix, program)
    if found is None:
        raise LabError(f"the Debian packages {', '.join(packages)} do not contain '{program}' (looked in {prefix})")
    return Tool(found, _environment(prefix), prefix)


def find_installed(program: str) -> Path | None:
    """Returns the program on PATH or in a standard path, or None."""
    on_path = shutil.which(program)
    return Path(on_path) if on_path else _search(Path("/"), program)


def _search(root: Path, program: str) -> Path | None:
    candidates = (found for path in STANDARD_PATHS for found in sorted(root.glob(f"{path}/{program}"), reverse=True))
    return next((found for found in candidates if os.access(found, os.X_OK)), None)


def unpacked(
    program: str, packages: tuple[str, ...], *, suite: str = "", finish: Callable[[Path, Path], None] | None = None
) -> Path:
    """Returns the prefix with `packages`, unpacked on first use. Raises LabError.

    With `suite`, they are those of this Debian release, and complete: nothing of the machine is expected. `finish` gets
    the unpacked directory and its later place.
    """
    key = (suite, *packages) if suite else packages
    digest = hashlib.sha256(" ".join((_release(program, packages), *key)).encode()).hexdigest()[:12]
    with locked(f"debian-{digest}") as root:
        prefix = root / "debian" / f"{packages[0]}-{digest}"
        if not prefix.exists():
            origin = f"Debian {suite}" if suite else "Debian packages"
            with progress.task(f"Unpacking {packages[0]} from {origin} (once)") as task:
                partial = _unpack(Apt(root / "debian", suite), prefix, packages, task)
                if finish is not None:
                    finish(partial, prefix)
                partial.rename(prefix)
        return prefix


def _release(program: str, packages: tuple[str, ...]) -> str:
    """Returns distribution, release and architecture. Raises LabError without apt."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LabError(
            f"'{program}' is not on PATH, and this machine ({platform.system()}) has no apt-get to download it; "
            f"install the equivalent of the Debian packages {', '.join(packages)} and try again"
        )
    seen = platform.freedesktop_os_release()
    return f"{seen.get('ID', '')} {seen.get('VERSION_ID', seen.get(CODENAME, ''))} {platform.machine()}"


def _unpack(apt: Apt, prefix: Path, packages: tuple[str, ...], task: progress.Task) -> Path:
    """Returns the filled directory that the caller renames to `prefix`."""
    task.update("package lists")
    apt.update()
    task.update(f"downloading {', '.join(packages)}")
    archives = apt.download(prefix.name, packages)
    partial = prefix.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    task.update(f"unpacking {len(archives)} packages")
    for archive in archives:
        _run(["dpkg-deb", "--extract", archive, partial])
    shutil.rmtree(archives[0].parent, ignore_errors=True)
    return partial


class Apt:
    """apt-get with private lists and archives; with `suite` for an empty machine of that Debian release."""

    def __init__(self, home: Path, suite: str = "") -> None:
        self._home = home / suite
        self._suite = suite
        self._config = self._home / "apt.conf"

    def update(self) -> None:
        """Updates the private package lists, unless they are recent."""
        stamp = self._home / "lists.stamp"
        with locked(f"debian-lists-{self._suite}" if self._suite else "debian-lists"):
            for directory in ("lists/partial", "apt"):
                (self._home / directory).mkdir(parents=True, exist_ok=True)
            config = APT_CONFIG
            if self._suite:
                config += SUITE_CONFIG
                (self._home / "sources.list").write_text(f"deb {_archive_url()} {self._suite} main\n")
                (self._home / "status").touch()
            self._config.write_text(config.format(home=self._home))
            if not stamp.exists() or time.time() - stamp.stat().st_mtime > LISTS_MAX_AGE_SECONDS:
                self._apt("update")
                stamp.touch()

    def download(self, name: str, packages: Sequence[str]) -> list[Path]:
        """Downloads `packages` and their missing dependencies, and returns the archives. Raises LabError."""
        archives = self._home / f"{name}.archives"
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        self._apt(
            "install",
            "--yes",
            "--download-only",
            "--no-install-recommends",
            f"--option=Dir::Cache::archives={archives}",
            *packages,
        )
        found = sorted(archives.glob("*.deb"))
        if not found:
            raise LabError(
                f"apt-get finds nothing to download for {', '.join(packages)}: they are installed, "
                "but their programs are not on PATH"
            )
        return found

    def _apt(self, *arguments: str) -> None:
        _run(["apt-get", "--quiet", f"--config-file={self._config}", *arguments])


def _archive_url() -> str:
    """Returns the URL of the mirror that this machine uses for its own Debian release. Raises LabError."""
    machine = platform.freedesktop_os_release()
    if machine.get("ID") != "debian":
        raise LabError(f"servers of other Debian releases need a Debian machine; this one is '{machine.get('ID')}'")
    codename = machine.get(CODENAME, "")
    listed = _run(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"])
    for line in listed.splitlines():
        release, _, url = line.partition(" ")
        if release == codename:
            return url
    raise LabError(f"the package sources of this machine contain no release '{codename}' of Debian")


def _environment(prefix: Path) -> dict[str, str]:
    """Returns variables with the library and Python module paths of a prefix."""
    libraries = [
        found
        for place in ("usr/lib", "lib")
        for multiarch in sorted(prefix.glob(f"{place}/*-linux-gnu*"))
        for found in (multiarch, multiarch / "ceph")
        if found.is_dir()
    ]
    modules = [found for found in [prefix / "usr/lib/python3/dist-packages"] if found.is_dir()]
    paths = {"LD_LIBRARY_PATH": libraries, "PYTHONPATH": modules}
    return {name: os.pathsep.join(map(str, found)) for name, found in paths.items() if found}


def _run(command: Sequence[str | Path]) -> str:
    env = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()[-15:]
        raise LabError(f"'{command[0]}' failed with status {done.returncode}:\n" + "\n".join(lines))
    return done.stdout
