"""The configuration: a folder with `config.json` and the CA files that it names, as a ConfigMap is mounted.

{
  "authorities": {"cr.example.com": "ca.crt"},
  "mirrors": {"docker.io": {"registry": "cr.example.com", "project": "dockerhub"}}
}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harbor_operator.plan.node_files import certificates

CONFIG_FILE = "config.json"
HOST_PATTERN = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?"
PROJECT_PATTERN = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"
_FILE_NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_SERVERS = {"docker.io": "https://registry-1.docker.io"}
"""Registries that answer at another host than in the names of images."""


class ConfigurationError(Exception):
    """The configuration is invalid; the text says where and what is allowed."""


class RegistryMirror(NamedTuple):
    """The images of one registry come from a project of Harbor, and from `upstream` (a URL) if that fails."""

    registry: str
    project: str
    upstream: str


class Configuration(NamedTuple):
    """The CAs (PEM) and the mirrors, both by registry host as in the names of images."""

    authorities: Mapping[str, str]
    mirrors: Mapping[str, RegistryMirror]


def read_configuration(folder: Path) -> Configuration:
    """Reads the folder. Raises ConfigurationError, or OSError if it cannot read `config.json`."""
    # The kubelet replaces all files of a ConfigMap at once, by a symbolic link: they are read from its target.
    path = (folder / CONFIG_FILE).resolve()
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigurationError(f"`{CONFIG_FILE}` is not JSON: {error}") from None
    fields = _object(content, CONFIG_FILE, optional={"authorities", "mirrors"})
    authorities = _object(fields.get("authorities", {}), "authorities")
    mirrors = _object(fields.get("mirrors", {}), "mirrors")
    return Configuration(
        {_host(host, "authorities"): _authority(path.parent, host, name) for host, name in authorities.items()},
        {_host(host, "mirrors"): _registry_mirror(host, value) for host, value in mirrors.items()},
    )


def _authority(folder: Path, host: str, name: Any) -> str:
    field = f"authorities.{host}"
    path = folder / _matching(_FILE_NAME, name, field, "the name of a file beside it")
    if not path.is_file():
        raise ConfigurationError(f"`{field}` names '{name}', which does not exist beside `{CONFIG_FILE}`")
    found = certificates(path.read_text(errors="replace"))
    if not found:
        raise ConfigurationError(f"`{field}` names '{name}', which contains no valid certificate in PEM")
    return found


def _registry_mirror(host: str, value: Any) -> RegistryMirror:
    field = f"mirrors.{host}"
    given = _object(value, field, required={"registry", "project"}, optional={"upstream"})
    upstream = given.get("upstream", _SERVERS.get(host, f"https://{host}"))
    return RegistryMirror(
        _host(given["registry"], f"{field}.registry"),
        _matching(PROJECT_PATTERN, given["project"], f"{field}.project", "the name of a project of Harbor"),
        _matching(f"https://{HOST_PATTERN}", upstream, f"{field}.upstream", "https://HOST[:PORT]"),
    )


def _object(
    value: Any, field: str, *, required: frozenset[str] | set[str] = frozenset(), optional: set[str] | None = None
) -> dict[str, Any]:
    """Returns an object; `optional` lists its other fields, and None allows all."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"`{field}` must be an object")
    if missing := sorted(required - value.keys()):
        raise ConfigurationError(f"`{field}.{missing[0]}` is missing")
    if optional is not None and (unknown := sorted(value.keys() - required - optional)):
        raise ConfigurationError(f"`{field}` has the unknown field '{unknown[0]}'")
    return value


def _host(value: Any, field: str) -> str:
    return _matching(HOST_PATTERN, value, field, "HOST[:PORT] as in the names of images")


def _matching(pattern: str, value: Any, field: str, allowed: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ConfigurationError(f"`{field}` contains {value!r}; it must be {allowed}")
    return value
