"""The immutable tag rules of a project over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, BY_NAME, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.adapters.harbor_tag_selectors import decode_selector, selector_body
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.project_policies import ObservedImmutableRule, TagSelector
from harbor_operator.ports.harbor_project_policies import HarborImmutableTags
from harbor_operator.reasons import Reason

_REASON = Reason.PROJECT_REFUSED


class HttpHarborImmutableTags(HarborApi, HarborImmutableTags):
    """The rules over HTTP."""

    @override
    async def read_immutable_rules(self, endpoint: HarborEndpoint, project: str) -> list[ObservedImmutableRule]:
        request = HttpRequest("GET", _path(project), headers=BY_NAME)
        return await self._entries(endpoint, request, _REASON, _rule)

    @override
    async def add_immutable_rule(self, endpoint: HarborEndpoint, project: str, selector: TagSelector) -> None:
        request = HttpRequest("POST", _path(project), headers=BY_NAME, body=_body(selector))
        await self._request(endpoint, request, _REASON)

    @override
    async def enable_immutable_rule(
        self, endpoint: HarborEndpoint, project: str, rule: ObservedImmutableRule, selector: TagSelector
    ) -> None:
        # Harbor requires the whole rule, and changes either the switch or the selectors.
        body = {"id": rule.number, **_body(selector)}
        request = HttpRequest("PUT", f"{_path(project)}/{rule.number}", headers=BY_NAME, body=body)
        await self._request(endpoint, request, _REASON)

    @override
    async def remove_immutable_rule(self, endpoint: HarborEndpoint, project: str, rule: ObservedImmutableRule) -> None:
        request = HttpRequest("DELETE", f"{_path(project)}/{rule.number}", headers=BY_NAME)
        await self._request(endpoint, request, _REASON, HTTPStatus.NOT_FOUND)


def _path(project: str) -> str:
    return f"{API}/projects/{project}/immutabletagrules"


def _body(selector: TagSelector) -> dict[str, Any]:
    return {"action": "immutable", "template": "immutable_template", "disabled": False, **selector_body(selector)}


def _rule(rule: Mapping[str, Any]) -> ObservedImmutableRule:
    return ObservedImmutableRule(rule["id"], decode_selector(rule), bool(rule.get("disabled")))
