"""Writes core/v1 Events, which `kubectl describe` shows beside the object they are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harbor_operator.adapters.kube_api import ApiRequest, RequestBody, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.plan.names import FIELD_MANAGER

MAX_MESSAGE_CHARACTERS = 1000
MAX_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class EventRecorder:
    """Writes Events under the identity of one replica."""

    client: KubernetesClient
    clock: Callable[[], datetime]
    identity: str

    async def post(self, about: dict[str, Any], kind: str, reason: str, message: str) -> None:
        """Posts an Event into the namespace of an object; `about` is an ObjectReference."""
        now = self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        namespace = about["namespace"]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{about['name'][:MAX_NAME_CHARACTERS]}.", "namespace": namespace},
            "involvedObject": about,
            "type": kind,
            "reason": reason,
            "message": message[:MAX_MESSAGE_CHARACTERS],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": self.identity,
        }
        ref = ResourceRef("v1", "events", namespace)
        await self.client.send_plain(ApiRequest("create", ref, body=RequestBody.plain(event)))
