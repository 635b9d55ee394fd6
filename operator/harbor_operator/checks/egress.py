"""Checks of the hosts that a registry names against the list of the administrator."""

from __future__ import annotations

from urllib.parse import urlsplit

from harbor_operator.model.egress import DEFAULT_PORTS, AllowedHosts, Proxy
from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason

SETTING = "HARBOR_OPERATOR_ALLOWED_HOSTS"


def check_host(hosts: AllowedHosts, source: str, host: str, port: int) -> Blocked | None:
    """Returns why the operator does not connect to the host, or None; `source` says in words what names it."""
    if hosts.allows(host, port):
        return None
    shown = f"[{host}]" if ":" in host else host
    return Blocked(
        Reason.HOST_NOT_ALLOWED,
        f"{source} names host '{shown}:{port}', which is not an allowed host (allowed: {hosts.text}): use an allowed "
        f"host, or ask the administrator of the operator to add this one to its setting `{SETTING}`",
    )


def check_url(hosts: AllowedHosts, source: str, url: str) -> Blocked | None:
    """Returns why the operator does not connect to the host of the URL, or None."""
    parts = urlsplit(url)
    try:
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:  # not a number: allowed only with every host
        port = 0
    return check_host(hosts, source, parts.hostname or "", port)


def describe_proxy_failure(proxy: Proxy, failure: str) -> str:
    """Returns what a failure of the proxy means; `failure` completes "the proxy ..."."""
    return (
        f"the proxy '{proxy.address}' {failure}: correct `HTTPS_PROXY` or `HTTP_PROXY` of the operator, or add the "
        "host to `NO_PROXY`"
    )
