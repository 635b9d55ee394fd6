"""Checks of `spec.pullSecrets.extraHosts`: whether each name leads to this Harbor, with an accepted certificate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.reachability import EXPIRY_NOTICE, origin, token_realm
from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.model.reachability import Certificate, TlsFault, V2Response
from harbor_operator.reasons import Reason

MAX_LISTED_HOSTS = 5
FIELD = "`spec.pullSecrets.extraHosts`"


def check_host_certificate(host: str, observed: Certificate, now: datetime) -> str:
    """Returns why clients refuse the certificate or will soon; empty if they accept it."""
    match observed.fault:
        case TlsFault.UNTRUSTED:
            return f"its certificate is not trusted ({observed.detail}): add its CA to the Secret of `spec.caSecretRef`"
        case TlsFault.HOST_MISMATCH:
            valid = ", ".join(f"'{name}'" for name in observed.names) or "nothing"
            return f"its certificate is valid for {valid}: issue one with '{urlsplit(f'//{host}').hostname}'"
        case TlsFault.EXPIRED:
            return f"its certificate is not valid now (it expires {observed.not_after:%F}): renew it"
        case None:
            expires_soon = observed.not_after - now <= EXPIRY_NOTICE
            return f"its certificate expires {observed.not_after:%F}: renew it" if expires_soon else ""


def check_host_answer(registry: HarborRegistry, host_url: str, observed: V2Response) -> str:
    """Returns why the answer to GET /v2/ is not that of this Harbor; empty if it is."""
    if observed.redirect:
        return f"/v2/ redirects to {observed.redirect}: let its proxy forward to Harbor"
    if observed.status == HTTPStatus.OK and observed.is_registry:
        return ""
    realm = token_realm(observed)
    if observed.status != HTTPStatus.UNAUTHORIZED or realm is None:
        return f"/v2/ answers HTTP {observed.status} without a token service: route /v2/ and /service/ to Harbor"
    # Harbor takes the host of the request, or a proxy in front sets the one of the external URL.
    if origin(realm) in {origin(host_url), origin(registry.spec.external_url)}:
        return ""
    return f"it sends clients for a token to {realm}, which is not this Harbor: correct the name or its proxy"


def extra_host_warnings(problems: Mapping[str, str]) -> tuple[StatusWarning, ...]:
    """Returns one warning that names each host with a problem; none without a problem."""
    found = [f"'{host}': {problem}" for host, problem in problems.items() if problem]
    if not found:
        return ()
    more = len(found) - MAX_LISTED_HOSTS
    listed = [*found[:MAX_LISTED_HOSTS], *([f"and {more} more"] if more > 0 else [])]
    message = f"pulls from these hosts ({FIELD}) can fail: {'; '.join(listed)}"
    return (StatusWarning(Reason.EXTRA_HOST_FAILED, message),)
