"""The status of a HarborRegistry by server-side apply, and the Events about it."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from harbor_operator.adapters.event_recorder import EventRecorder
from harbor_operator.adapters.kube_api import ApiError, ApiRequest, NotFound, RequestBody, ResourceRef, apply_params
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.api.kind import GROUP, KIND, PLURAL, VERSION
from harbor_operator.api.v1alpha1 import Metadata
from harbor_operator.plan.names import FIELD_MANAGER
from harbor_operator.ports import Unavailable
from harbor_operator.ports.registry_status import RegistryStatusApi

API_VERSION = f"{GROUP}/{VERSION}"


class KubernetesRegistryStatusApi(RegistryStatusApi):
    """Writes status and Events through the Kubernetes API."""

    def __init__(self, client: KubernetesClient, events: EventRecorder, lease: ResourceRef) -> None:
        """`lease` is the Lease of the operator: Events outside of a registry's namespace are about it."""
        self._client = client
        self._events = events
        self._lease = lease

    @override
    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> str:
        manifest = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": metadata.name, "namespace": metadata.namespace},
            "status": status,
        }
        ref = ResourceRef(API_VERSION, PLURAL, metadata.namespace, metadata.name, "status")
        # `conditions` is a list-map keyed by type, so an apply keeps the conditions of other field managers.
        request = ApiRequest("patch", ref, apply_params(FIELD_MANAGER), RequestBody.apply(manifest))
        answer = await self._client.send_plain(request)
        if isinstance(answer, NotFound):
            return ""
        if isinstance(answer, ApiError):
            raise Unavailable(f"the API server rejected the {ref.describe()}: {answer.message}")
        return str(answer["metadata"]["resourceVersion"])

    @override
    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        about = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
        }
        await self._events.post(about, kind, reason, message)

    @override
    async def post_operator_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        # The API server requires that an Event and the object it is about are in the same namespace.
        lease = self._lease
        about = {"apiVersion": lease.api_version, "kind": "Lease", "name": lease.name, "namespace": lease.namespace}
        text = f"HarborRegistry '{metadata.namespace}/{metadata.name}': {message}"
        await self._events.post(about, kind, reason, text)

    @override
    async def read(self, metadata: Metadata) -> dict[str, Any] | None:
        ref = ResourceRef(API_VERSION, PLURAL, metadata.namespace, metadata.name)
        answer = await self._client.send_plain(ApiRequest("get", ref))
        if isinstance(answer, NotFound):
            return None
        if isinstance(answer, ApiError):
            raise Unavailable(f"the API server did not return the {ref.describe()}: {answer.message}")
        return answer if answer["metadata"]["uid"] == metadata.uid else None

    @override
    async def is_namespace_terminating(self, namespace: str) -> bool:
        # A list of one: the shipped role has no `get` on namespaces.
        answer = await self._client.send_plain(ApiRequest("list", ResourceRef("v1", "namespaces", name=namespace)))
        if isinstance(answer, ApiError):
            raise Unavailable(f"namespace '{namespace}' was not read: {answer.message}")
        return all(item.get("status", {}).get("phase") == "Terminating" for item in answer.get("items") or [])
