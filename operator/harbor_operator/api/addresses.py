"""Host names, IP addresses and URLs of a spec, each parsed into one normal form.

An IPv6 address is in brackets wherever a port can follow it (RFC 3986, section 3.2.2), and bare where it stands alone.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

MAX_PORT = 65535

_IPV6 = r"\[[0-9A-Fa-f:.]+\]"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def join_host_port(host: str, port: int | str) -> str:
    """Returns 'host:port', with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_host_port(text: str) -> tuple[str, int]:
    """Returns the host, without brackets, and the port of 'host:port'."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _external_url(url: str) -> str:
    """Returns the URL with its host as image references contain it: lower case, no default port, no slash."""
    parts = urlsplit(url)
    host = _host(parts.hostname or "")
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else _port(parts.port)
    netloc = join_host_port(host, port).removesuffix(f":{_DEFAULT_PORTS[parts.scheme]}")
    return f"{parts.scheme}://{netloc}"


def _host(host: str) -> str:
    bare = host.strip("[]")
    if ":" in bare:
        IPv6Address(bare)
    return bare


def _host_port(text: str) -> str:
    host, port = split_host_port(text)
    return join_host_port(_host(host), _port(port))


def _port(port: int) -> int:
    if not 0 < port <= MAX_PORT:
        raise ValueError(f"a port is a number from 1 to {MAX_PORT}")
    return port


INTERNAL_URL_TEXT = "URL for the operator's own requests; absent = `externalURL`."

HttpUrl = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$")]
ExternalUrl = Annotated[
    str,
    Field(max_length=512, pattern=rf"^https?://([A-Za-z0-9.-]+|{_IPV6})(:[0-9]{{1,5}})?/?$"),
    AfterValidator(_external_url),
]
Host = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=rf"^([^\s/@:'\[\]]+|[0-9A-Fa-f:.]+|{_IPV6})$"),
    AfterValidator(_host),
]
HostPort = Annotated[
    str, Field(max_length=260, pattern=rf"^([A-Za-z0-9.-]+|{_IPV6}):[0-9]{{1,5}}$"), AfterValidator(_host_port)
]
