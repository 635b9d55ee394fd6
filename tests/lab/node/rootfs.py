"""A file system in which this very Python runs, collected from the machine: interpreter, libraries, some packages.

Nothing is fetched. Everything lies in the image where it lies here, so that what refers to each other still finds
itself; all of it is readable by any user.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.lab.node.archive import add_file
from tests.lab.process import LabError

SITE = "app/site"
"""Where the packages lie, which is not where they lie here: that may be anywhere."""
UNWANTED = re.compile(
    r"(^|/)(tests?|idlelib|tkinter|turtledemo|ensurepip|lib2to3|distutils|pydoc_data|site-packages|config-[^/]*)(/|$)"
    r"|\.opt-\d\.pyc$"
)
LINKS = ("bin", "sbin", "lib", "lib64")
FILES = {
    "etc/passwd": b"root:x:0:0:root:/:/bin/sh\nharbor:x:10000:10000:harbor:/tmp:/bin/sh\n",
    "etc/group": b"root:x:0:\nharbor:x:10000:\n",
    "etc/nsswitch.conf": b"hosts: files dns\n",
}
LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


def write_python_layer(target: Path, packages: Iterable[str], programs: dict[str, Path]) -> Path:
    """A layer with Python, these packages with all they require, and `programs` in `/usr/bin`; one is `busybox`."""
    with tarfile.open(target, "w") as archive:
        for name in LINKS:
            if Path("/", name).is_symlink():
                _add_link(archive, name, f"usr/{name}")
        for name, content in FILES.items():
            add_file(archive, name, content)
        _add_directory(archive, "tmp", 0o1777)
        interpreter = Path(sys.executable).resolve()
        members = {_place(path): path for path in (interpreter, *_stdlib())}
        members |= {f"usr/bin/{name}": path for name, path in programs.items()}
        members |= {f"{SITE}/{name}": path for name, path in _package_files(packages)}
        members |= {_place(path): path for path in _libraries(members.values())}
        for name, path in sorted(members.items()):
            archive.add(path.resolve(), name, filter=_readable)
        _add_link(archive, "usr/bin/python3", f"/{_place(interpreter)}")
        _add_link(archive, "usr/bin/sh", "busybox")
    return target


def requirements(roots: Iterable[str]) -> list[str]:
    """The distributions of this environment that `roots` require, themselves included, in order."""
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


def _libraries(paths: Iterable[Path]) -> set[Path]:
    """The shared libraries that these programs and modules load, as the loader of this machine finds them."""
    binaries = [str(path) for path in paths if path.suffix == ".so" or ".so." in path.name or _is_program(path)]
    done = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False)
    found = {Path(match) for match in LIBRARY.findall(done.stdout)}
    if not found:
        raise LabError(f"'ldd' names no library of '{sys.executable}': {done.stderr.strip()}")
    return {path for path in found if "site-packages" not in path.parts}


def _is_program(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(4) == b"\x7fELF"


def _place(path: Path) -> str:
    """The path in the image; of the directories that are links here, the target, because they are links there too."""
    return str(path.parent.resolve() / path.name).lstrip("/")


def _readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same for every user; times stay, because compiled modules are held against those of their sources."""
    member.mode |= 0o555 if member.mode & 0o100 else 0o444
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _add_link(archive: tarfile.TarFile, name: str, target: str) -> None:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    archive.addfile(link)


def _add_directory(archive: tarfile.TarFile, name: str, mode: int) -> None:
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    archive.addfile(folder)
