"""Entries of a list of hosts, as the settings for allowed hosts and for proxies contain them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MAX_PORT = 65535

_ENTRY = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5})?)?")
_NAME = re.compile(r"(?:\*?\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")


@dataclass(frozen=True, slots=True)
class HostRule:
    """One entry: a name, the names below a domain, an address or a network, on one port or on every port (None)."""

    name: str = ""
    network: Network | None = None
    port: int | None = None
    covers_name: bool = True
    covers_subdomains: bool = False

    def matches(self, host: str, port: int) -> bool:
        """Whether the host, a name or an address without brackets, is covered on this port."""
        if self.port not in {None, port}:
            return False
        address = parse_address(host)
        if address is not None or self.network is not None:
            return address is not None and self.network is not None and address in self.network
        name = host.lower()
        return (self.covers_name and name == self.name) or (
            self.covers_subdomains and name.endswith(f".{self.name}") and name != f".{self.name}"
        )


def parse_rule(entry: str, *, name_covers_subdomains: bool) -> HostRule | None:
    """Returns the rule of an entry, or None if it is neither a host nor a network.

    Forms: `name`, `.domain` and `*.domain` (the names below it), an address, a network such as `10.0.0.0/8`; all but
    the network can have a port. Whether `name` covers the names below it too depends on the list.
    """
    text = entry.strip().lower()
    if network := _network(text):
        return HostRule(network=network)
    found = _ENTRY.fullmatch(text)
    if found is None or int(found["port"] or 0) > MAX_PORT:
        return None
    host, port = found["host"].strip("[]"), int(found["port"]) if found["port"] else None
    if address := parse_address(host):
        return HostRule(network=ip_network(address), port=port)
    if not _NAME.fullmatch(host):
        return None
    is_domain = host.startswith((".", "*."))
    return HostRule(host.lstrip("*").removeprefix("."), None, port, not is_domain, is_domain or name_covers_subdomains)


def parse_address(host: str) -> Address | None:
    """Returns the address, an IPv4 one if it is mapped into IPv6, or None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _network(text: str) -> Network | None:
    try:
        # A bare IPv6 address has colons, which would be read as a port.
        return ip_network(text, strict=False) if "/" in text or text.count(":") > 1 else None
    except ValueError:
        return None
