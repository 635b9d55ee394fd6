"""Harbor's own tests of OpenID providers and LDAP servers over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.model.authentication import LdapConnection
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.ports.harbor_login_probe import HarborLoginProbe
from harbor_operator.reasons import Reason

MAX_ERROR_CHARACTERS = 300

_UNLIKELY_USER = "harbor-operator-probe"
"""Without a name, Harbor returns every user of the directory."""


class HttpHarborLoginProbe(HarborApi, HarborLoginProbe):
    """The tests over HTTP."""

    @override
    async def try_oidc(self, endpoint: HarborEndpoint, url: str, *, verify: bool) -> bool:
        request = HttpRequest("POST", f"{API}/system/oidc/ping", body={"url": url, "verify_cert": verify})
        response = await self._request(endpoint, request, Reason.CONFIGURATION_REFUSED, HTTPStatus.BAD_REQUEST)
        return response.status == HTTPStatus.OK

    @override
    async def try_ldap(self, endpoint: HarborEndpoint, connection: LdapConnection) -> str:
        body = {
            "ldap_url": connection.url,
            "ldap_search_dn": connection.search_dn,
            "ldap_search_password": connection.password.get_secret_value(),
            "ldap_base_dn": connection.base_dn,
            "ldap_connection_timeout": connection.timeout_seconds,
            "ldap_verify_cert": connection.verify,
        }
        request = HttpRequest("POST", f"{API}/ldap/ping", body=body)
        return (await self._request(endpoint, request, Reason.CONFIGURATION_REFUSED)).decode(_ping_error)

    @override
    async def try_ldap_search(self, endpoint: HarborEndpoint) -> bool:
        request = HttpRequest("GET", f"{API}/ldap/users/search", {"username": _UNLIKELY_USER})
        # Harbor answers every error of the LDAP server with 500, and names it only in its log.
        response = await self._request(
            endpoint, request, Reason.CONFIGURATION_REFUSED, HTTPStatus.INTERNAL_SERVER_ERROR
        )
        return response.status == HTTPStatus.OK


def _ping_error(result: Mapping[str, Any]) -> str:
    # A server that Harbor cannot reach is a result too, with status 200.
    return "" if result.get("success") else str(result.get("message") or "no reason given")[:MAX_ERROR_CHARACTERS]
