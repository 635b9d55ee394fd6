"""Writes core/v1 Events, which `kubectl describe` shows beside the object they are about.

A repetition within the window increases `count` and `lastTimestamp` of the Event that exists, as the EventCorrelator of
client-go does: a condition that changes back and forth leaves one Event for each message.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, RequestBody, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.plan.names import FIELD_MANAGER
from harbor_operator.ports import Refused

MAX_MESSAGE_CHARACTERS = 1000
MAX_NAME_CHARACTERS = 200
EVENT_WINDOW_SECONDS = 3600.0
"""The API server keeps an Event for an hour by default."""

MAX_RECENT_EVENTS = 4096

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Posted:
    name: str
    count: int
    at: datetime


class EventRecorder:
    """Writes Events under the identity of one replica."""

    def __init__(self, client: KubernetesClient, clock: Callable[[], datetime], identity: str) -> None:
        self._client = client
        self._clock = clock
        self._identity = identity
        self._recent: OrderedDict[_Key, _Posted] = OrderedDict()

    async def post(self, about: dict[str, Any], kind: str, reason: str, message: str) -> None:
        """Posts an Event into the namespace of an object; `about` is an ObjectReference."""
        now, text = self._clock(), message[:MAX_MESSAGE_CHARACTERS]
        key = (about["namespace"], about["name"], about.get("uid", ""), kind, reason, text)
        last = self._recent.pop(key, None)
        posted = None
        if last and (now - last.at).total_seconds() < EVENT_WINDOW_SECONDS:
            posted = await self._repeat(about["namespace"], last, now)
        posted = posted or await self._create(about, (kind, reason, text), now)
        if posted:
            self._recent[key] = posted
        while len(self._recent) > MAX_RECENT_EVENTS:
            self._recent.popitem(last=False)

    async def _repeat(self, namespace: str, last: _Posted, now: datetime) -> _Posted | None:
        """Counts the Event once more; None if it is gone or must not be changed."""
        posted = _Posted(last.name, last.count + 1, now)
        body = RequestBody.merge_patch({"count": posted.count, "lastTimestamp": _timestamp(now)})
        ref = ResourceRef("v1", "events", namespace, last.name)
        try:
            answer = await self._client.send_plain(ApiRequest("patch", ref, body=body))
        except Refused:
            return None  # the rights for stuck pods are cluster-wide, and do not include the change of an Event
        return None if isinstance(answer, ApiError) else posted

    async def _create(self, about: dict[str, Any], said: tuple[str, str, str], now: datetime) -> _Posted | None:
        kind, reason, text = said
        namespace, timestamp = about["namespace"], _timestamp(now)
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{about['name'][:MAX_NAME_CHARACTERS]}.", "namespace": namespace},
            "involvedObject": about,
            "type": kind,
            "reason": reason,
            "message": text,
            "firstTimestamp": timestamp,
            "lastTimestamp": timestamp,
            "count": 1,
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": self._identity,
        }
        ref = ResourceRef("v1", "events", namespace)
        answer = await self._client.send_plain(ApiRequest("create", ref, body=RequestBody.plain(event)))
        return None if isinstance(answer, ApiError) else _Posted(answer["metadata"]["name"], 1, now)


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
