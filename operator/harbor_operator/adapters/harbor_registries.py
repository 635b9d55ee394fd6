"""The endpoints of other registries over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.projects import DesiredRegistry, ObservedRegistry
from harbor_operator.ports.harbor_projects import HarborRegistries
from harbor_operator.reasons import Reason

_REASON = Reason.ENDPOINT_REFUSED


class HttpHarborRegistries(HarborApi, HarborRegistries):
    """The endpoints over HTTP."""

    @override
    async def read_registries(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedRegistry]:
        request = HttpRequest("GET", f"{API}/registries")
        return {registry.name: registry for registry in await self._entries(endpoint, request, _REASON, _registry)}

    @override
    async def create_registry(self, endpoint: HarborEndpoint, desired: DesiredRegistry) -> None:
        credential = {
            "type": "basic",
            "access_key": desired.access_key,
            "access_secret": desired.access_secret.get_secret_value(),
        }
        body = {
            "name": desired.name,
            "type": desired.type,
            "url": desired.url,
            "insecure": desired.is_insecure,
            **({"credential": credential} if desired.access_key else {}),
        }
        await self._request(endpoint, HttpRequest("POST", f"{API}/registries", body=body), _REASON)

    @override
    async def update_registry(
        self, endpoint: HarborEndpoint, observed: ObservedRegistry, desired: DesiredRegistry
    ) -> None:
        body = {
            "url": desired.url,
            "insecure": desired.is_insecure,
            "credential_type": "basic",
            "access_key": desired.access_key,
            "access_secret": desired.access_secret.get_secret_value(),
        }
        await self._request(endpoint, HttpRequest("PUT", f"{API}/registries/{observed.number}", body=body), _REASON)


def _registry(registry: Mapping[str, Any]) -> ObservedRegistry:
    return ObservedRegistry(
        number=registry["id"],
        name=registry["name"],
        type=registry["type"],
        url=registry["url"],
        is_insecure=bool(registry.get("insecure")),
        access_key=(registry.get("credential") or {}).get("access_key") or "",
    )
