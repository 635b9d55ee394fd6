"""A layer with the servers that run in pods of a release: docker-registry, nginx, PostgreSQL and Redis.

They come from this machine, or from Debian packages in the lab's cache, and have the paths of their packages.
"""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from lab.debian import Tool, locate
from lab.node import rootfs
from lab.node.rootfs import add_files, add_link, with_libraries
from lab.process import LabError

PACKAGES = {
    "docker-registry": "docker-registry",
    "nginx": "nginx-light",
    "postgres": "postgresql",
    "redis-server": "redis-server",
}
POSTGRES_PROGRAMS = ("initdb", "postgres", "psql")
POSTGRES_MODULES = ("dict_snowball.so", "plpgsql.so")
"""The modules that a new database cluster loads."""
UNWANTED = {"locale", "man"}
MIME_TYPES = "etc/nginx/mime.types"
POSTGRES_SHARE = "usr/share/postgresql"


def write_servers_layer(target: Path) -> Path:
    """Writes the layer, which extends the layer of `rootfs`."""
    tools = _tools()
    members: dict[str, Path] = {}
    for name, tool in tools.items():
        members |= with_libraries(_files(name, tool), tool)
    with tarfile.open(target, "w") as archive:
        add_files(archive, members)
        for name in POSTGRES_PROGRAMS:
            add_link(archive, f"usr/bin/{name}", f"/{_inside(tools['postgres'].beside(name), tools['postgres'])}")
        for stream, name in (("stdout", "access.log"), ("stderr", "error.log")):
            add_link(archive, f"var/log/nginx/{name}", f"/dev/{stream}")
    return target


def servers_digest() -> str:
    """Returns a digest of the servers of this machine and of the code that creates the layer."""
    parts: list[object] = [Path(module).read_text() for module in (__file__, rootfs.__file__)]
    for tool in _tools().values():
        found = tool.path.resolve().stat()
        parts.append((str(tool.path.resolve()), found.st_size, found.st_mtime_ns))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _tools() -> dict[str, Tool]:
    return {name: locate(name, [package]) for name, package in PACKAGES.items()}


def _files(name: str, tool: Tool) -> dict[str, Path]:
    """Returns the files of a server, by their paths in the image."""
    if name == "postgres":
        return {_inside(path, tool): path for path in _postgres(tool)}
    if name == "nginx":
        return {"usr/sbin/nginx": tool.path, MIME_TYPES: _root(tool) / MIME_TYPES}
    return {f"usr/bin/{name}": tool.path}


def _postgres(tool: Tool) -> list[Path]:
    home = tool.path.resolve().parent.parent
    share = _root(tool) / POSTGRES_SHARE / home.name
    files = [*map(tool.beside, POSTGRES_PROGRAMS), *(home / "lib" / name for name in POSTGRES_MODULES)]
    if missing := [str(path) for path in [*files, share] if not path.exists()]:
        raise LabError(f"the PostgreSQL of this machine does not have the layout of Debian: '{missing[0]}' is missing")
    shared = (path for path in share.rglob("*") if not UNWANTED & {*path.relative_to(share).parts})
    return [*files, *(path for path in shared if path.is_file())]


def _inside(path: Path, tool: Tool) -> str:
    return str(path.relative_to(_root(tool)))


def _root(tool: Tool) -> Path:
    return tool.prefix or Path("/")
