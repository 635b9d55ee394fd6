"""The replication rules over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.replications import ObservedReplication, Replication, ReplicationFilter
from harbor_operator.ports.harbor_replications import HarborReplications
from harbor_operator.reasons import Reason

_PATH = f"{API}/replication/policies"
_REASON = Reason.REPLICATION_REFUSED
_KEPT = ("description", "speed", "copy_by_chunk", "single_active_replication")
"""Settings that the spec does not describe. Harbor resets what an update does not name."""


class HttpHarborReplications(HarborApi, HarborReplications):
    """The rules over HTTP."""

    @override
    async def read_replications(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedReplication]:
        return dict(await self._entries(endpoint, HttpRequest("GET", _PATH), _REASON, _named))

    @override
    async def create_replication(self, endpoint: HarborEndpoint, desired: Replication) -> None:
        await self._request(endpoint, HttpRequest("POST", _PATH, body=_body(desired)), _REASON)

    @override
    async def update_replication(
        self, endpoint: HarborEndpoint, observed: ObservedReplication, desired: Replication
    ) -> None:
        body = {**observed.kept, "id": observed.number, **_body(desired)}
        await self._request(endpoint, HttpRequest("PUT", f"{_PATH}/{observed.number}", body=body), _REASON)


def _body(desired: Replication) -> dict[str, Any]:
    return {
        "name": desired.name,
        # Harbor takes one of the two as itself if it is absent.
        **({"src_registry": {"id": desired.source}} if desired.source else {}),
        **({"dest_registry": {"id": desired.destination}} if desired.destination else {}),
        "filters": [_filter_body(one) for one in sorted(desired.filters, key=lambda one: one.kind)],
        "dest_namespace": desired.destination_namespace,
        "dest_namespace_replace_count": desired.destination_replace_count,
        "trigger": {"type": desired.trigger, "trigger_settings": {"cron": desired.cron}},
        "deletion": desired.replicates_deletion,
        "override": desired.overrides,
        "enabled": desired.is_enabled,
    }


def _filter_body(one: ReplicationFilter) -> dict[str, str]:
    return {"type": one.kind, "value": one.value, **({"decoration": one.decoration} if one.decoration else {})}


def _named(policy: Mapping[str, Any]) -> tuple[str, ObservedReplication]:
    kept = {name: policy[name] for name in _KEPT if policy.get(name) is not None}
    return policy["name"], ObservedReplication(policy["id"], _rule(policy), kept)


def _rule(policy: Mapping[str, Any]) -> Replication | None:
    filters = policy.get("filters") or []
    if not all(isinstance(one["value"], str) for one in filters):
        return None  # a filter by labels has a list
    trigger = policy.get("trigger") or {}
    count = policy.get("dest_namespace_replace_count")
    return Replication(
        name=policy["name"],
        source=(policy.get("src_registry") or {}).get("id") or 0,
        destination=(policy.get("dest_registry") or {}).get("id") or 0,
        filters=frozenset(_filter(one) for one in filters),
        destination_namespace=policy.get("dest_namespace") or "",
        destination_replace_count=-1 if count is None else int(count),
        trigger=trigger.get("type") or "manual",
        cron=(trigger.get("trigger_settings") or {}).get("cron") or "",
        replicates_deletion=bool(policy.get("deletion")),
        overrides=bool(policy.get("override")),
        is_enabled=bool(policy.get("enabled")),
    )


def _filter(one: Mapping[str, Any]) -> ReplicationFilter:
    # Harbor means `matches` if a filter of tags names no decoration.
    decoration = one.get("decoration") or ("matches" if one["type"] == "tag" else "")
    return ReplicationFilter(str(one["type"]), one["value"], str(decoration))
