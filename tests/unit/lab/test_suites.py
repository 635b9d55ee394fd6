"""The launchers of programs that come from another Debian release."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.suites import LAUNCHERS, write_launchers


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def unpacked(path: Path) -> Path:
    """A tree as the packages leave it; its loader prints its arguments."""
    partial, prefix = path / "prefix.partial", path / "prefix"
    libraries = partial / "usr/lib/x86_64-linux-gnu"
    executable(libraries / "ld-linux-x86-64.so.2", '#!/bin/sh\necho "$@"\n')
    (libraries / "libc.so.6").touch()
    executable(partial / "usr/bin/server", "\x7fELF")
    executable(partial / "usr/bin/python3", "\x7fELF")
    executable(partial / "usr/sbin/script", "#! /usr/bin/python3 -s\n")
    executable(partial / "usr/bin/shell", "#!/bin/sh\n")
    (partial / "usr/bin/outside").symlink_to("/bin/sh")
    (partial / "usr/bin/data").touch()
    write_launchers(partial, prefix)
    return partial.rename(prefix)


def output(prefix: Path, name: str, *arguments: str) -> list[str]:
    command = [str(prefix / LAUNCHERS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_program_starts_with_the_loader_and_the_libraries_of_its_release(tmp_path: Path) -> None:
    prefix = unpacked(tmp_path)
    program, libraries = str(prefix / "usr/bin/server"), prefix / "usr/lib/x86_64-linux-gnu"
    expected = ["--argv0", program, "--library-path", f"{libraries}:{libraries}/ceph", program, "-p", "1"]
    assert output(prefix, "server", "-p", "1") == expected


def test_a_script_starts_with_the_python_of_its_release(tmp_path: Path) -> None:
    prefix = unpacked(tmp_path)
    arguments = output(prefix, "script", "-x")
    assert arguments[4:] == [str(prefix / "usr/bin/python3"), str(prefix / "usr/sbin/script"), "-x"]


def test_only_programs_of_the_packages_get_a_launcher(tmp_path: Path) -> None:
    names = {path.name for path in (unpacked(tmp_path) / LAUNCHERS).iterdir()}
    assert names == {"server", "python3", "script"}
