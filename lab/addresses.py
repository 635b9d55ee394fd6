"""The addresses of the lab's servers: loopback of IPv4, unless `lab.networks` has prepared another network.

`HARBOR_LAB_ADDRESSES` names the two addresses on which servers listen, `HARBOR_LAB_NAME` the name under which the
operator and its peers reach them.
"""

from __future__ import annotations

import os

ADDRESSES_VARIABLE, NAME_VARIABLE = "HARBOR_LAB_ADDRESSES", "HARBOR_LAB_NAME"

_NAME = os.environ.get(NAME_VARIABLE, "")

HOST, GATEWAY_HOST = os.environ.get(ADDRESSES_VARIABLE, "127.0.0.1,127.0.0.2").split(",")
"""Where every server listens, and where the RADOS gateway does."""
IS_IPV6 = ":" in HOST
CLIENT_HOST = _NAME or HOST
"""The host of PostgreSQL and Redis, without brackets."""
IPV6_NAME = "ipv6.test"
CACHE_HOST = IPV6_NAME if IS_IPV6 else CLIENT_HOST
"""The host of Redis in a spec: the chart accepts no IPv6 address there."""
NAMES = tuple(dict.fromkeys((_NAME or (HOST if IS_IPV6 else "localhost"), "localhost", HOST)))
"""The names in the certificates of servers; the first is the host of URLs and image references."""
SERVICE_RANGE, FIRST_SERVICE = ("fd00:6c61:63::/112", "fd00:6c61:63::1") if IS_IPV6 else ("10.0.0.0/16", "10.0.0.1")
"""The range of Service addresses, and the address of Service kubernetes."""
POD_RANGE, POD_GATEWAY = ("fd00:6c61:64::/64", "fd00:6c61:64::1/64") if IS_IPV6 else ("10.244.0.0/16", "10.244.0.1/16")
"""The addresses of pods that are only simulated."""


def join(host: str, port: int) -> str:
    """Returns 'host:port', with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
