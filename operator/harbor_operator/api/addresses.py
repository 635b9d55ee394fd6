"""Host names, IP addresses and URLs of a spec, each parsed into one normal form.

An IPv6 address is in brackets wherever a port can follow it (RFC 3986, section 3.2.2), and bare where it stands alone.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from harbor_operator.api.rule import Rule

MAX_PORT = 65535

SPACE = r"\p{Z}\p{Cc}"
"""Spaces and control characters, for a set of a pattern; engines of regular expressions disagree about `\\s`."""

_IPV6 = r"\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]"
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|0*[1-9][0-9]{0,3})"
_POSSIBLE_PORT = rf"^(https?://)?([^:\[\]]+|\[[^\]]*\])(:{_PORT})?/?$"
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


def _image_host(text: str) -> str:
    """Returns the host in lower case, as image references contain it: clients compare the text."""
    _external_url(f"https://{text}")
    return text.lower()


def _port(port: int) -> int:
    if not 0 < port <= MAX_PORT:
        raise ValueError(f"a port is a number from 1 to {MAX_PORT}")
    return port


def url_rule(field: str, url: str) -> Rule:
    """Returns the CEL rule that a host has a possible port, and in brackets an IPv6 address.

    `url` is the CEL expression of a text with a maximum length: with that of a function such as `getHostname`, the API
    server cannot estimate the cost. It matches the pattern of an `ExternalUrl` or a `HostPort`.
    """
    in_brackets = f"{url}.substring({url}.indexOf('[') + 1, {url}.indexOf(']'))"
    return Rule(
        f"{url}.matches(r'{_POSSIBLE_PORT}') && (!{url}.contains('[') || {_is_ipv6(in_brackets)})",
        f"`{field}` must have a port from 1 to {MAX_PORT}, and only an IPv6 address in brackets",
    )


def normal_url(url: str) -> str:
    """Returns the CEL expression of an `ExternalUrl` in a form by which equal ones can be compared."""
    lower = f"({url} + '/').lowerAscii().replace('//', '/')"
    return f"({url}.startsWith('https:') ? {lower}.replace(':443/', '/') : {lower}.replace(':80/', '/'))"


def each_host_rule(field: str) -> Rule:
    """Returns the rule of `url_rule` for every item of a list of hosts with a port; the list can be absent."""
    one = url_rule(field, "text")
    return if_given(field, Rule(f"self.{field}.all(text, {one.expression})", one.message))


def if_given(field: str, rule: Rule) -> Rule:
    """Returns the rule for an optional field."""
    return Rule(f"!has(self.{field}) || {rule.expression}", rule.message)


def host_rule(field: str, host: str) -> Rule:
    """Returns the CEL rule that a host with a colon is an IPv6 address."""
    bare = f"{host}.replace('[', '').replace(']', '')"
    return Rule(f"!{host}.contains(':') || {_is_ipv6(bare)}", f"`{field}` must be a host name or an IP address")


def _is_ipv6(address: str) -> str:
    # `isIP` accepts every address except IPv4-mapped ones (::ffff:10.0.0.1), whose sixth group is ffff.
    return f"isIP({address}.lowerAscii().replace('ffff:', 'fffe:'))"


INTERNAL_URL_TEXT = "URL for the operator's own requests; absent = `externalURL`."

HttpUrl = Annotated[str, Field(max_length=2048, pattern=rf"^https?://[^/?#@{SPACE}]+(/[^?#{SPACE}]*)?$")]
ExternalUrl = Annotated[
    str,
    Field(max_length=512, pattern=rf"^https?://([A-Za-z0-9.-]+|{_IPV6})(:[0-9]{{1,5}})?/?$"),
    AfterValidator(_external_url),
]
Host = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=rf"^([^{SPACE}/@:'\[\]]+|[0-9A-Fa-f:.]+|{_IPV6})$"),
    AfterValidator(_host),
]
ImageHost = Annotated[
    str, Field(max_length=260, pattern=rf"^([A-Za-z0-9.-]+|{_IPV6})(:[0-9]{{1,5}})?$"), AfterValidator(_image_host)
]
HostPort = Annotated[
    str, Field(max_length=260, pattern=rf"^([A-Za-z0-9.-]+|{_IPV6}):[0-9]{{1,5}}$"), AfterValidator(_host_port)
]
