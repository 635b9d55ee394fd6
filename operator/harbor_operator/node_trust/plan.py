"""Which files a node must have, and which of its files change for that. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from harbor_operator.node_trust.configuration import Configuration
from harbor_operator.plan.node_files import CA_FILE, HOSTS_FILE, Endpoint, hosts_toml, mirror_toml

Contents = Mapping[Path, str]
Observed = Mapping[Path, str | None]
"""The files below the directories of the runtimes. None: a link, a folder that is none, or what cannot be read."""

TEMPORARY = ".node-trust-"
"""Files with this prefix are unfinished files of an earlier process."""


class Changes(NamedTuple):
    """What to write and to remove, and the files of others, which stay although they should have another content.

    The order matters: a `hosts.toml` is written after the CA that it names, and removed before it.
    """

    write: Contents
    remove: list[Path]
    foreign: list[Path]


def mark_of(instance: str) -> str:
    """Returns the first line of each file: a comment in PEM and in TOML, which makes the file ours."""
    return f"# Managed by node-trust of harbor-operator ({instance}). To keep your own changes, delete this line.\n"


def desired_files(configuration: Configuration, directories: Mapping[str, Path], mark: str) -> dict[Path, str]:
    """Returns the content of each file, for the directories of runtimes."""
    files = {
        directory / host / CA_FILE: mark + authority
        for directory in directories.values()
        for host, authority in configuration.authorities.items()
    }
    if directory := directories.get("containerd"):
        files |= {
            directory / host / HOSTS_FILE: mark + content for host, content in _hosts_files(configuration, directory)
        }
    return files


def _hosts_files(configuration: Configuration, directory: Path) -> Iterator[tuple[str, str]]:
    def endpoint(host: str) -> Endpoint:
        return Endpoint(f"https://{host}", str(directory / host / CA_FILE) if host in configuration.authorities else "")

    for host in configuration.authorities.keys() - configuration.mirrors.keys():
        yield host, hosts_toml(endpoint(host))
    for host, mirror in configuration.mirrors.items():
        server = endpoint(mirror.upstream.removeprefix("https://"))
        yield host, mirror_toml(server, endpoint(mirror.registry), mirror.project)


def plan_changes(desired: Contents, observed: Observed, mark: str) -> Changes:
    """Returns how the files of the node become the desired ones, without a change of a file of another owner."""
    own = {
        path
        for path, content in observed.items()
        if content is not None and (content.startswith(mark) or path.name.startswith(TEMPORARY))
    }
    foreign = [path for path in desired if {path, path.parent} & observed.keys() and path not in own]
    write = {
        path: desired[path]
        for path in sorted(desired, key=_order)
        if path not in foreign and observed.get(path) != desired[path]
    }
    return Changes(write, sorted(own - desired.keys(), key=_order, reverse=True), sorted(foreign))


def _order(path: Path) -> tuple[bool, Path]:
    return path.name == HOSTS_FILE, path
