"""Programs of the lab: from PATH, else from Debian packages unpacked into the cache.

Unpacking needs neither root nor the package manager's lock and changes nothing outside the cache. Only packages that
are not installed are fetched, so a prefix belongs to one machine image: its name carries the release and the set.
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
    from collections.abc import Mapping, Sequence

USUAL_PLACES = ("usr/local/sbin", "usr/sbin", "sbin", "usr/bin", "usr/lib/postgresql/*/bin")
LISTS_LIVE = 60 * 60
"""Seconds for which package lists serve; older ones name archives that the mirrors may have dropped."""

APT_CONFIG = """
Dir::State::lists "{home}/lists";
Dir::Cache "{home}/apt";
Debug::NoLocking "1";
APT::Sandbox::User "";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
"""Everything private, and none of the hooks by which the machine's own configuration reaches beyond the cache."""


@dataclass(frozen=True)
class Tool:
    """A program that can be started, and what must be added to its environment."""

    path: Path
    env: Mapping[str, str] = field(default_factory=dict)
    prefix: Path | None = None
    """Where its packages are unpacked; nothing when the program is installed on this machine."""

    def beside(self, name: str) -> Path:
        """Another program of the same package, in the same directory once links are followed."""
        return self.path.resolve().parent / name


def locate(program: str, packages: Sequence[str]) -> Tool:
    """`program` from PATH or its usual places, else from `packages`, unpacked into the cache on first use."""
    if installed := find_installed(program):
        return Tool(installed)
    prefix = _unpacked(program, tuple(sorted(packages)))
    found = _search(prefix, program)
    if found is None:
        raise LabError(f"the Debian packages {', '.join(packages)} do not bring '{program}' (looked in {prefix})")
    return Tool(found, _environment(prefix), prefix)


def find_installed(program: str) -> Path | None:
    """The program on PATH or in a usual place of this machine."""
    on_path = shutil.which(program)
    return Path(on_path) if on_path else _search(Path("/"), program)


def _search(root: Path, program: str) -> Path | None:
    candidates = (found for place in USUAL_PLACES for found in sorted(root.glob(f"{place}/{program}"), reverse=True))
    return next((found for found in candidates if os.access(found, os.X_OK)), None)


def _unpacked(program: str, packages: tuple[str, ...]) -> Path:
    release = _release(program, packages)
    digest = hashlib.sha256(" ".join((release, *packages)).encode()).hexdigest()[:12]
    with locked(f"debian-{digest}") as root:
        prefix = root / "debian" / f"{packages[0]}-{digest}"
        if not prefix.exists():
            with progress.task(f"Unpacking {packages[0]} from Debian packages (once)") as task:
                _unpack(root / "debian", prefix, packages, task)
        return prefix


def _release(program: str, packages: tuple[str, ...]) -> str:
    """The distribution, its release and the architecture."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LabError(
            f"'{program}' is not on PATH, and this machine ({platform.system()}) has no apt-get to fetch it with; "
            f"install what Debian calls {', '.join(packages)} and try again"
        )
    seen = platform.freedesktop_os_release()
    return f"{seen.get('ID', '')} {seen.get('VERSION_ID', seen.get('VERSION_CODENAME', ''))} {platform.machine()}"


def _unpack(home: Path, prefix: Path, packages: tuple[str, ...], task: progress.Task) -> None:
    """Fill `prefix`, which appears only when complete, so that an interrupted run leaves nothing half done."""
    apt = Apt(home)
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
    partial.rename(prefix)


class Apt:
    """apt-get with its lists and archives in a private directory."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._config = home / "apt.conf"

    def update(self) -> None:
        """Bring the private package lists up to date, unless that was done within the hour."""
        stamp = self._home / "lists.stamp"
        with locked("debian-lists"):
            for directory in ("lists/partial", "apt"):
                (self._home / directory).mkdir(parents=True, exist_ok=True)
            self._config.write_text(APT_CONFIG.format(home=self._home))
            if not stamp.exists() or time.time() - stamp.stat().st_mtime > LISTS_LIVE:
                self._apt("update")
                stamp.touch()

    def download(self, name: str, packages: Sequence[str]) -> list[Path]:
        """The archives of `packages` and of what they need, as far as it is not installed on this machine."""
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


def _environment(prefix: Path) -> dict[str, str]:
    """What makes the programs of a prefix find their own libraries and Python modules."""
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


def _run(command: Sequence[str | Path]) -> None:
    env = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()[-15:]
        raise LabError(f"'{command[0]}' failed with status {done.returncode}:\n" + "\n".join(lines))
