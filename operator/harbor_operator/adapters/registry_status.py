"""Status by server-side apply, and events, through the thin client."""

from __future__ import annotations

from typing import Any

from harbor_operator.adapters.event_recorder import EventRecorder
from harbor_operator.adapters.kube_api import ApiError, NotFound, RequestBody, apply_params
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.api.v1alpha1 import GROUP, KIND, PLURAL, VERSION, Metadata
from harbor_operator.plan.names import FIELD_MANAGER
from harbor_operator.ports import Unavailable


class KubernetesRegistryStatusApi:
    """Writes what users read about a registry; see ports/registries.py."""

    def __init__(self, http: KubernetesClient, scribe: EventRecorder) -> None:
        self._http = http
        self._scribe = scribe

    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> None:
        """Applies our part of the status; `conditions` is a map by type, so foreign conditions survive."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{metadata.namespace}/{PLURAL}/{metadata.name}/status"
        manifest = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {"name": metadata.name, "namespace": metadata.namespace},
            "status": status,
        }
        answer = await self._http.request(
            "PATCH", path, params=apply_params(FIELD_MANAGER), body=RequestBody.apply(manifest)
        )
        if isinstance(answer, ApiError) and not isinstance(answer, NotFound):
            raise Unavailable(f"the status of '{metadata.namespace}/{metadata.name}' was not taken: {answer.message}")

    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        """Posts a core/v1 event, which `kubectl describe` shows."""
        about = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
        }
        await self._scribe.post(about, kind, reason, message)

    async def is_namespace_terminating(self, namespace: str) -> bool:
        """Asks by a list of one: the shipped role has no `get` on namespaces."""
        answer = await self._http.request(
            "GET", "/api/v1/namespaces", params={"fieldSelector": f"metadata.name={namespace}"}
        )
        if isinstance(answer, ApiError):
            raise Unavailable(f"namespace '{namespace}' was not read: {answer.message}")
        return all(item.get("status", {}).get("phase") == "Terminating" for item in answer.get("items") or [])
