"""The administrator's rules for connections to the systems that a registry names: allowed hosts, and proxies.

The proxy of a URL is chosen as Go's `golang.org/x/net/http/httpproxy` does, so that one `NO_PROXY` means the same for
Helm and for the operator. No library of the dependencies does: urllib knows no networks, requests takes
`badexample.com` for a host below `example.com`, and aiohttp uses urllib and adds logins of a .netrc file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from harbor_operator.model.hosts import HostRule, parse_address, parse_rule

EVERY_HOST = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts that a registry may name; None = every host."""

    rules: tuple[HostRule, ...] | None = None
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the hosts of a comma-separated list; an empty list, or `*` in it, allows every host.

        Raises ValueError with the number of an entry that is no host.
        """
        entries = _entries(text)
        if not entries or EVERY_HOST in entries:
            return cls()
        rules: list[HostRule] = []
        for number, entry in enumerate(entries, start=1):
            rule = parse_rule(entry, name_covers_subdomains=False)
            if rule is None:
                raise ValueError(
                    f"entry {number} is neither a name, `*.domain`, an address nor a network, with an optional port"
                )
            rules.append(rule)
        return cls(tuple(rules), ", ".join(entries))

    def allows(self, host: str, port: int) -> bool:
        """Whether a registry may name this host with this port."""
        return self.rules is None or any(rule.matches(host, port) for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is reached over http://, as every client here supports it; `url` can contain a login."""

    url: SecretStr

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Returns the proxy of a URL, or of 'host:port'; None for an empty text. Raises ValueError for another text."""
        if not text:
            return None
        url = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(url)
            is_valid = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_valid = False
        if not is_valid or not url.isascii() or not url.isprintable() or " " in url:
            # Without the text, which can contain a login.
            raise ValueError("this is neither an http:// URL nor host:port")
        return cls(SecretStr(url))

    @property
    def address(self) -> str:
        """Host and port for messages, without the login."""
        parts = urlsplit(self.url.get_secret_value())
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or DEFAULT_PORTS['http']}"


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """The proxies for the two schemes, and the hosts that are reached without one; None = every host."""

    http: Proxy | None = None
    https: Proxy | None = None
    exceptions: tuple[HostRule, ...] | None = ()

    @classmethod
    def parse(cls, http: str, https: str, no_proxy: str) -> Self:
        """Returns the rules of the three variables; an unreadable entry of `no_proxy` is ignored, as in Go.

        Raises ValueError if a proxy is not a URL.
        """
        entries = _entries(no_proxy)
        found = [parse_rule(entry, name_covers_subdomains=True) for entry in entries]
        exceptions = None if EVERY_HOST in entries else tuple(rule for rule in found if rule)
        return cls(Proxy.parse(http), Proxy.parse(https), exceptions)

    def proxy_of(self, url: str) -> Proxy | None:
        """Returns the proxy for this http:// or https:// URL; None = a direct connection."""
        parts = urlsplit(url)
        proxy = self.https if parts.scheme == "https" else self.http
        host = (parts.hostname or "").lower()
        if proxy is None or self.exceptions is None or _is_loopback(host):
            return None
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        return None if any(rule.matches(host, port) for rule in self.exceptions) else proxy


@dataclass(frozen=True, slots=True)
class Egress:
    """What every client of a system that a registry names observes."""

    hosts: AllowedHosts = AllowedHosts()
    proxies: ProxyRules = ProxyRules()


UNRESTRICTED = Egress()
"""Every host, and no proxy."""


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _is_loopback(host: str) -> bool:
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
