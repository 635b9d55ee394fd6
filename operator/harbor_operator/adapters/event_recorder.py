"""Events of core/v1, which `kubectl describe` shows beside the object they are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harbor_operator.adapters.kube_api import RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.plan.names import FIELD_MANAGER

_LONGEST_MESSAGE = 1000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class EventRecorder:
    """Writes events under the name of one replica."""

    http: KubernetesClient
    clock: Callable[[], datetime]
    identity: str

    async def post(self, about: dict[str, Any], kind: str, reason: str, message: str) -> None:
        """Posts an event into the namespace of an object; `about` is an ObjectReference."""
        now = self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        namespace = about["namespace"]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{about['name'][:_LONGEST_NAME]}.", "namespace": namespace},
            "involvedObject": about,
            "type": kind,
            "reason": reason,
            "message": message[:_LONGEST_MESSAGE],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": self.identity,
        }
        await self.http.request("POST", f"/api/v1/namespaces/{namespace}/events", body=RequestBody.plain(event))
