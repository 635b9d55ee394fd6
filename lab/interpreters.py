"""Other versions of Python, so that the tests run on each version that the project supports.

    python -m lab.interpreters 3.13 3.14 -- tests/unit tests/contract

Runs pytest with these arguments on each version and prints one line a version at the end. A version comes from PATH
(`python3.13`), else from the Debian release that has it, unpacked into the cache by mmdebstrap (Linux, root). Such an
interpreter runs with its own C library beside the programs of this machine: only Python is from the other release, and
every server of the lab stays the same. A version that this machine cannot have is reported and skipped.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cache import cache_dir, locked
from lab.debian import locate
from lab.process import LabError
from lab.progress import task

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-dev.lock"
SUITES = {"3.13": "trixie", "3.14": "forky"}
"""The Debian release that contains each version."""

LAUNCHER = """#!/bin/sh
exec {loader} --argv0 "$0" --library-path {libraries} {program} "$@"
"""
LAUNCHED = re.compile(r"\A#!/bin/sh\nexec (?P<loader>\S+) .*--library-path (?P<libraries>\S+) (?P<program>\S+) ")
MAX_LAUNCHER_BYTES = 1 << 14
NOT_AVAILABLE = "not available"
EXECUTABLE = 0o755


def interpreter(version: str) -> Path:
    """Returns a Python of this version, such as '3.13'.

    Raises LabError where this machine cannot have one.
    """
    if (installed := shutil.which(f"python{version}")) and _runs(installed):
        return Path(installed)
    if version not in SUITES:
        raise LabError(f"Python {version} is not on PATH, and no known Debian release contains it")
    if sys.platform != "linux" or os.geteuid() != 0:
        raise LabError(f"Python {version} is not on PATH; unpacking it needs Linux and root")
    home = cache_dir() / "interpreters" / f"{SUITES[version]}-{platform.machine()}"
    with locked(f"interpreter-{version}"):
        if not home.exists():
            _unpack(version, home)
    return home / "usr/bin" / f"python{version}"


def runtime_files(python: Path) -> list[Path]:
    """Returns the loader, the program and the libraries that `python` starts, if this module unpacked it.

    Returns nothing for another interpreter, which uses the loader and the libraries of the machine.
    """
    if not (places := LAUNCHED.search(python.read_bytes()[:MAX_LAUNCHER_BYTES].decode(errors="replace"))):
        return []
    libraries = [path for path in Path(places["libraries"]).glob("*.so*") if path.is_file()]
    return [Path(places["loader"]), Path(places["program"]), *libraries]


def environment(version: str) -> Path:
    """Returns a virtual environment of this version with every package of the development lock.

    Raises LabError where the interpreter or a package of the lock is not to be had.
    """
    python = interpreter(version)
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    home = cache_dir() / "environments" / f"{version}-{digest}"
    with locked(f"environment-{version}"):
        if not (home / ".installed").exists():
            with task(f"Packages for Python {version}"):
                shutil.rmtree(home, ignore_errors=True)
                _run([str(python), "-m", "venv", "--without-pip", str(home)])
                # The pip of this interpreter installs for the other one, which need not have a pip of its own.
                pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "--quiet"]
                _run([*pip, "--require-hashes", "-r", str(LOCK)])
                (home / ".installed").touch()
    return home


def run_tests(version: str, arguments: Sequence[str]) -> str:
    """Runs pytest on a version; returns 'passed', 'failed' or why the version is not available."""
    try:
        home = environment(version)
    except LabError as error:
        return f"{NOT_AVAILABLE}: {error}"
    print(f"== Python {version}", flush=True)
    command = [str(home / "bin/python"), "-m", "pytest", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": "operator"}, check=False)
    return "passed" if done.returncode == 0 else "failed"


def main(arguments: Sequence[str]) -> int:
    """Returns 1 if the tests failed on a version, 2 for wrong usage, else 0."""
    split = list(arguments).index("--") if "--" in arguments else len(arguments)
    versions, rest = arguments[:split], arguments[split + 1 :]
    if not versions:
        sys.stderr.write("usage: python -m lab.interpreters VERSION... [-- PYTEST-ARGUMENT...]\n")
        return 2
    results = {version: run_tests(version, rest) for version in versions}
    for version, result in results.items():
        print(f"Python {version}: {result}")
    return int("failed" in results.values())


def _unpack(version: str, home: Path) -> None:
    with task(f"Python {version} of Debian {SUITES[version]}"):
        tool = locate("mmdebstrap", ["mmdebstrap"])
        home.parent.mkdir(parents=True, exist_ok=True)
        partial = home.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        packages = f"python{version},python{version}-venv"
        # A mirror may lag behind: an old list of a testing release is still signed, and good enough here.
        fresh = '--aptopt=Acquire::Check-Valid-Until "false"'
        options = ["--quiet", "--mode=root", "--variant=minbase", fresh, f"--include={packages}"]
        path = f"{tool.path.parent}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        _run([str(tool.path), *options, SUITES[version], str(partial)], {**tool.env, "PATH": path})
        _write_launcher(version, partial, home)
        partial.replace(home)


def _write_launcher(version: str, partial: Path, home: Path) -> None:
    """Puts a script in the place of the interpreter that starts it with the C library of its own release."""
    real = partial / "usr/bin" / f"python{version}"
    loader = next(path for path in sorted((partial / "usr").glob("lib*/ld-linux-*.so.*")))
    libraries = next(path.parent for path in sorted((partial / "usr/lib").glob("*/libc.so.6")))
    moved = real.rename(real.with_name(f"{real.name}.real"))
    places = [home / path.relative_to(partial) for path in (loader, libraries, moved)]
    real.write_text(LAUNCHER.format(loader=places[0], libraries=places[1], program=places[2]))
    real.chmod(EXECUTABLE)


def _runs(program: str) -> bool:
    # A version manager may put a script on PATH that only says how to choose a version.
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


def _run(command: Sequence[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise LabError(f"'{command[0]}' failed with status {done.returncode}:\n{end}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
