"""Collects a file system that runs the current Python: interpreter, libraries, and some packages of this machine.

Nothing is downloaded. Files keep their paths, so that references between them stay valid; any user can read them.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lab.debian import Tool
from lab.interpreters import runtime_files
from lab.node.archive import add_file
from lab.process import LabError

SITE = "app/site"
"""The path of the packages in the image; unlike other files, they do not keep the path of this machine."""
UNWANTED = re.compile(
    r"(^|/)(tests?|idlelib|tkinter|turtledemo|ensurepip|lib2to3|distutils|pydoc_data|site-packages|config-[^/]*)(/|$)"
    r"|\.opt-\d\.pyc$"
)
LINKS = ("bin", "sbin", "lib", "lib64")
APPLETS = ("cat", "chmod", "ls", "rm", "sh", "sleep")
USERS = {"root": 0, "postgres": 999, "harbor": 10000}
"""The user ids of the chart's pods; PostgreSQL does not run with an id that has no name."""
FILES = {
    "etc/passwd": "".join(f"{name}:x:{number}:{number}::/tmp:/bin/sh\n" for name, number in USERS.items()).encode(),
    "etc/group": "".join(f"{name}:x:{number}:\n" for name, number in USERS.items()).encode(),
    "etc/nsswitch.conf": b"hosts: files dns\n",
}
LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
MISSING = re.compile(r"(\S+) => not found")


def write_python_layer(target: Path, packages: Iterable[str], busybox: Path) -> Path:
    """Writes a layer with Python, these packages with their requirements, and a busybox with a few applets."""
    with tarfile.open(target, "w") as archive:
        for name in LINKS:
            if Path("/", name).is_symlink():
                add_link(archive, name, f"usr/{name}")
        for name, content in FILES.items():
            add_file(archive, name, content)
        add_directory(archive, "tmp", 0o1777)
        interpreter = Path(sys.executable).resolve()
        runtime = runtime_files(interpreter)
        members = {_image_path(path): path for path in (interpreter, *runtime, *_stdlib())}
        members |= {f"{SITE}/{name}": path for name, path in _package_files(packages)}
        if not runtime:
            members = with_libraries(members)
        add_files(archive, {**members, **with_libraries({"usr/bin/busybox": busybox})})
        add_link(archive, "usr/bin/python3", f"/{_image_path(interpreter)}")
        for name in APPLETS:
            add_link(archive, f"usr/bin/{name}", "busybox")
    return target


def with_libraries(members: Mapping[str, Path], tool: Tool | None = None) -> dict[str, Path]:
    """Returns files by their paths in the image, with the libraries that they load.

    A library has the path of its Debian package: the prefix of a tool in the cache is removed.
    """
    libraries = _libraries(members.values(), tool.env.get("LD_LIBRARY_PATH", "") if tool else "")
    return {**members, **{_image_path(path, tool.prefix if tool else None): path for path in libraries}}


def add_files(archive: tarfile.TarFile, members: Mapping[str, Path]) -> None:
    """Adds files of the machine by their paths in the image; symbolic links are followed."""
    for name, path in sorted(members.items()):
        archive.add(path.resolve(), name, filter=_readable)


def add_link(archive: tarfile.TarFile, name: str, target: str) -> None:
    """Adds a symbolic link."""
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    archive.addfile(link)


def add_directory(archive: tarfile.TarFile, name: str, mode: int) -> None:
    """Adds an empty directory."""
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    archive.addfile(folder)


def requirements(roots: Iterable[str]) -> list[str]:
    """Returns the distributions of this environment that `roots` require, including `roots`, sorted."""
    wanted, found = list(roots), dict[str, None]()
    while wanted:
        name = re.split(r"[^\w.-]", wanted.pop(), maxsplit=1)[0].lower().replace("_", "-")
        if name in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra, or for another platform
        found[name] = None
        wanted += [one for one in distribution.requires or [] if "extra ==" not in one]
    return sorted(found)


def _stdlib() -> Iterator[Path]:
    root = Path(sysconfig.get_path("stdlib"))
    for path in root.rglob("*"):
        if path.is_file() and not UNWANTED.search(str(path.relative_to(root))):
            yield path


def _package_files(packages: Iterable[str]) -> Iterator[tuple[str, Path]]:
    for name in requirements(packages):
        for file in importlib.metadata.distribution(name).files or []:
            path = Path(str(file.locate()))
            if ".." not in file.parts and path.is_file():
                yield str(file), path


def _libraries(paths: Iterable[Path], search: str) -> set[Path]:
    """Returns the shared libraries that the loader of this machine finds for these programs and modules."""
    binaries = [str(path) for path in paths if path.suffix == ".so" or ".so." in path.name or _is_program(path)]
    env = {**os.environ, "LD_LIBRARY_PATH": search}
    done = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False, env=env)
    if missing := MISSING.search(done.stdout):
        raise LabError(
            f"the loader of this machine does not find '{missing[1]}', needed by one of {', '.join(binaries)}"
        )
    found = {Path(match) for match in LIBRARY.findall(done.stdout)}
    return {path for path in found if "site-packages" not in path.parts}


def _is_program(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(4) == b"\x7fELF"


def _image_path(path: Path, prefix: Path | None = None) -> str:
    """Returns the path in the image, with symbolic links of top-level directories resolved."""
    if prefix is None or prefix not in path.parents:
        return str(path.parent.resolve() / path.name).lstrip("/")
    inside = path.relative_to(prefix)
    return f"usr/{inside}" if Path("/", inside.parts[0]).is_symlink() else str(inside)


def _readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Makes a member readable for every user; keeps times, because compiled modules are checked against sources."""
    member.mode |= 0o555 if member.mode & 0o100 else 0o444
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
