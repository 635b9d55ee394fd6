"""The retention policy of a project over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.adapters.harbor_tag_selectors import decode_selector, selector_body
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.project_policies import DesiredRetention, ObservedRetention, RetentionRule
from harbor_operator.model.projects import ObservedProject
from harbor_operator.ports.harbor_project_policies import HarborRetention
from harbor_operator.reasons import Reason

_PATH = f"{API}/retentions"
_REASON = Reason.PROJECT_REFUSED


class HttpHarborRetention(HarborApi, HarborRetention):
    """The retention policy over HTTP."""

    @override
    async def read_retention(self, endpoint: HarborEndpoint, number: int) -> ObservedRetention:
        response = await self._request(endpoint, HttpRequest("GET", f"{_PATH}/{number}"), _REASON)
        return response.decode(_retention)

    @override
    async def create_retention(
        self, endpoint: HarborEndpoint, project: ObservedProject, desired: DesiredRetention
    ) -> None:
        request = HttpRequest("POST", _PATH, body=_body(project, desired))
        await self._request(endpoint, request, _REASON)

    @override
    async def update_retention(
        self, endpoint: HarborEndpoint, project: ObservedProject, desired: DesiredRetention
    ) -> None:
        body = {"id": project.retention, **_body(project, desired)}
        await self._request(endpoint, HttpRequest("PUT", f"{_PATH}/{project.retention}", body=body), _REASON)


def _body(project: ObservedProject, desired: DesiredRetention) -> dict[str, Any]:
    return {
        "algorithm": "or",
        "rules": [_rule_body(rule) for rule in desired.rules],
        "trigger": {"kind": "Schedule", "settings": {"cron": desired.cron}},
        "scope": {"level": "project", "ref": project.number},
    }


def _rule_body(rule: RetentionRule) -> dict[str, Any]:
    body = selector_body(rule.selector)
    # For an excluding pattern, `untagged` belongs to what is excluded (src/lib/selector/selectors/doublestar).
    untagged = rule.selects_untagged != rule.selector.excludes_tags
    body["tag_selectors"][0]["extras"] = json.dumps({"untagged": untagged})
    params = {} if rule.limit is None else {rule.template: rule.limit}
    return {"action": "retain", "template": rule.template, "params": params, "disabled": False, **body}


def _retention(policy: Mapping[str, Any]) -> ObservedRetention:
    trigger = policy.get("trigger") or {}
    cron = (trigger.get("settings") or {}).get("cron") if trigger.get("kind") == "Schedule" else ""
    return ObservedRetention(tuple(_rule(rule) for rule in policy.get("rules") or []), str(cron or ""))


def _rule(rule: Mapping[str, Any]) -> RetentionRule | None:
    selector = decode_selector(rule)
    if selector is None or rule.get("disabled"):
        return None
    template = str(rule["template"])
    limit = (rule.get("params") or {}).get(template)
    extras = json.loads(rule["tag_selectors"][0].get("extras") or "{}")
    # What Harbor assumes without `extras`: such a rule is about artifacts without a tag.
    untagged = bool(extras.get("untagged", not selector.excludes_tags))
    return RetentionRule(template, selector, None if limit is None else int(limit), untagged != selector.excludes_tags)
