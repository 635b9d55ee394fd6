"""Where charts may come from: the administrator's list of repositories, registries and directories."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_URL = re.compile(
    r"(?P<scheme>https?|oci)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443, "oci": 443}
# Over plain HTTP, another machine could replace the chart.
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
_RELATIVE = {".", ".."}

Location = tuple[str, str, int, tuple[str, ...]]
"""Scheme, host, port and path segments of a URL."""


@dataclass(frozen=True, slots=True)
class ChartSources:
    """URL prefixes and directories; a chart outside of all of them is refused."""

    urls: tuple[str, ...]
    directories: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the sources of a comma-separated list.

        Raises ValueError with the number of an entry that is neither form; the entry itself may hold a login.
        """
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        urls = tuple(entry for entry in entries if not entry.startswith("/"))
        for number, entry in enumerate(entries, start=1):
            if not entry.startswith("/") and _location(entry) is None:
                raise ValueError(f"entry {number} is neither an https:// or oci:// URL nor an absolute directory")
        return cls(urls, tuple(entry for entry in entries if entry.startswith("/")))

    def allows_url(self, url: str) -> bool:
        """Whether the URL is one of the prefixes or below one; host, port and whole path segments must be equal."""
        wanted = _location(url)
        return wanted is not None and any(_is_below(wanted, _location(prefix)) for prefix in self.urls)

    def allows_path(self, path: str) -> bool:
        """Whether the path is one of the directories or below one; all must be absolute and free of links and `..`."""
        return any(path == directory or path.startswith(f"{directory.rstrip('/')}/") for directory in self.directories)


def _location(url: str) -> Location | None:
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme, host, segments = match["scheme"], match["host"].lower(), tuple(match["path"].split("/")[1:])
    if _RELATIVE & set(segments) or (scheme == "http" and host not in _LOOPBACK):
        return None
    return scheme, host, int(match["port"] or _DEFAULT_PORTS[scheme]), segments


def _is_below(wanted: Location, prefix: Location | None) -> bool:
    if prefix is None or wanted[:3] != prefix[:3]:
        return False
    return wanted[3][: len(prefix[3])] == prefix[3]
