"""The webhooks of a project over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, BY_NAME, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.webhooks import DEFAULT_FORMAT, ObservedWebhook, Webhook
from harbor_operator.ports.harbor_project_policies import HarborWebhooks
from harbor_operator.reasons import Reason

_REASON = Reason.PROJECT_REFUSED


class HttpHarborWebhooks(HarborApi, HarborWebhooks):
    """The webhooks over HTTP."""

    @override
    async def read_webhooks(self, endpoint: HarborEndpoint, project: str) -> list[ObservedWebhook]:
        request = HttpRequest("GET", _path(project), headers=BY_NAME)
        return await self._entries(endpoint, request, _REASON, _observed)

    @override
    async def add_webhook(self, endpoint: HarborEndpoint, project: str, desired: Webhook) -> None:
        request = HttpRequest("POST", _path(project), headers=BY_NAME, body=_body(desired))
        await self._request(endpoint, request, _REASON)

    @override
    async def update_webhook(
        self, endpoint: HarborEndpoint, project: str, observed: ObservedWebhook, desired: Webhook
    ) -> None:
        # Harbor empties what the body does not name.
        kept = {"id": observed.number, "description": observed.description, "creator": observed.creator}
        path = f"{_path(project)}/{observed.number}"
        await self._request(
            endpoint, HttpRequest("PUT", path, headers=BY_NAME, body={**kept, **_body(desired)}), _REASON
        )

    @override
    async def remove_webhook(self, endpoint: HarborEndpoint, project: str, observed: ObservedWebhook) -> None:
        request = HttpRequest("DELETE", f"{_path(project)}/{observed.number}", headers=BY_NAME)
        await self._request(endpoint, request, _REASON, HTTPStatus.NOT_FOUND)


def _path(project: str) -> str:
    return f"{API}/projects/{project}/webhook/policies"


def _body(desired: Webhook) -> dict[str, Any]:
    target = {
        "type": desired.type,
        "address": desired.address,
        "auth_header": desired.auth_header.get_secret_value(),
        "skip_cert_verify": desired.is_insecure,
    }
    # Harbor before 2.8 does not know the format, and later versions refuse it for other types.
    if desired.payload_format != DEFAULT_FORMAT:
        target["payload_format"] = desired.payload_format
    return {
        "name": desired.name,
        "enabled": desired.is_enabled,
        "event_types": sorted(desired.events),
        "targets": [target],
    }


def _observed(policy: Mapping[str, Any]) -> ObservedWebhook:
    targets = policy.get("targets") or []
    return ObservedWebhook(
        number=policy["id"],
        name=policy["name"],
        webhook=_webhook(policy, targets[0]) if len(targets) == 1 else None,
        description=policy.get("description") or "",
        creator=policy.get("creator") or "",
    )


def _webhook(policy: Mapping[str, Any], target: Mapping[str, Any]) -> Webhook:
    return Webhook(
        name=policy["name"],
        address=target["address"],
        events=frozenset(policy.get("event_types") or []),
        type=target["type"],
        payload_format=target.get("payload_format") or DEFAULT_FORMAT,
        auth_header=SecretStr(target.get("auth_header") or ""),
        is_insecure=bool(target.get("skip_cert_verify")),
        is_enabled=bool(policy.get("enabled")),
    )
