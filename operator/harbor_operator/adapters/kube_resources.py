"""Secrets, ConfigMaps and workloads in the namespaces that contain a HarborRegistry, through the Kubernetes API."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, Conflict, NotFound, Params, RequestBody, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import decode_object
from harbor_operator.adapters.kube_owned import expect, find, foreign_object, has_labels, removal
from harbor_operator.adapters.kube_pages import Pager
from harbor_operator.adapters.late_pods import read_late_pods
from harbor_operator.api.kind import GROUP, PLURAL, VERSION
from harbor_operator.model.kubernetes import OPAQUE, Manifest, StoredSecret, Workload, WorkloadPod
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason

REGISTRIES = ResourceRef(f"{GROUP}/{VERSION}", PLURAL)


class KubernetesNamespaceResources(NamespaceResources):
    """Reads and writes through one client of the Kubernetes API."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    @override
    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        found = await find(self._client, _secret(namespace, name))
        return None if found is None else _stored(found)

    @override
    async def read_secrets(self, namespace: str, label_selector: str) -> list[StoredSecret]:
        return [_stored(item) for item in await self._list(ResourceRef("v1", "secrets", namespace), label_selector)]

    @override
    async def read_config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        found = await find(self._client, ResourceRef("v1", "configmaps", namespace, name))
        return None if found is None else dict(found.get("data") or {})

    @override
    async def ensure_secret(
        self, namespace: str, name: str, make: Callable[[], Mapping[str, SecretStr]], owner: Mapping[str, str]
    ) -> StoredSecret:
        found = await self._owned_secret(namespace, name, owner)
        if found is None:
            return await self._create_secret(namespace, name, make(), owner)
        # `make` is called only for its keys here: existing values are never replaced.
        missing = {key: value for key, value in make().items() if key not in found.values}
        if not missing:
            return found
        await self.patch_secret(namespace, name, {"data": _encoded(missing)}, found.resource_version)
        return await self._read_written(namespace, name)

    @override
    async def apply_secret(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        secret_type: str = OPAQUE,
    ) -> StoredSecret:
        found = await self._owned_secret(namespace, name, owner)
        if found is not None and found.type != secret_type:
            await self.remove_secret(namespace, name, owner)
            found = None
        if found is None:
            return await self._create_secret(namespace, name, values, owner, secret_type)
        if dict(found.values) == dict(values):
            return found
        removed: dict[str, str | None] = {key: None for key in found.values if key not in values}
        patch = {"data": removed | _encoded(values)}
        await self.patch_secret(namespace, name, patch, found.resource_version)
        return await self._read_written(namespace, name)

    @override
    async def patch_secret(self, namespace: str, name: str, patch: Manifest, resource_version: str) -> None:
        metadata = {**patch.get("metadata", {}), "resourceVersion": resource_version}
        body = RequestBody.merge_patch({**patch, "metadata": metadata})
        answer = await self._client.send_plain(ApiRequest("patch", _secret(namespace, name), body=body))
        if isinstance(answer, ApiError):
            raise Unavailable(f"Secret '{namespace}/{name}' changed while it was being written; it is read again")

    @override
    async def remove_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        ref = _secret(namespace, name)
        found = await find(self._client, ref)
        if found is None or not has_labels(found, owner):
            return
        answer = await self._client.send_plain(removal(ref, found))
        if isinstance(answer, Conflict):
            raise Unavailable(f"Secret '{namespace}/{name}' changed while it was being removed; it is read again")
        if isinstance(answer, ApiError) and not isinstance(answer, NotFound):
            raise Unavailable(f"Secret '{namespace}/{name}' could not be removed: {answer.message}")

    @override
    async def read_workloads(self, namespace: str, label_selector: str) -> list[Workload]:
        deployments = await self._list(ResourceRef("apps/v1", "deployments", namespace), label_selector)
        stateful_sets = await self._list(ResourceRef("apps/v1", "statefulsets", namespace), label_selector)
        return [read_workload("Deployment", item) for item in deployments] + [
            read_workload("StatefulSet", item) for item in stateful_sets
        ]

    @override
    async def read_late_pods(self, namespace: str, label_selector: str) -> list[WorkloadPod]:
        return read_late_pods(await self._list(ResourceRef("v1", "pods", namespace), label_selector))

    @override
    async def read_registries(self) -> list[Manifest]:
        return await self._list(REGISTRIES, "")

    async def _owned_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> StoredSecret | None:
        found = await find(self._client, _secret(namespace, name))
        if found is None:
            return None
        if not has_labels(found, owner):
            raise foreign_object("Secret", namespace, name, owner)
        return _stored(found)

    async def _create_secret(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        secret_type: str = OPAQUE,
    ) -> StoredSecret:
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace, "labels": dict(owner)},
            "type": secret_type,
            "data": _encoded(values),
        }
        ref = ResourceRef("v1", "secrets", namespace)
        answer = await self._client.send_plain(ApiRequest("create", ref, body=RequestBody.plain(manifest)))
        if isinstance(answer, NotFound):
            message = f"Secret '{namespace}/{name}' cannot be created: there is no namespace '{namespace}'"
            raise Refused(Reason.SECRET_INVALID, message)
        if isinstance(answer, ApiError):
            raise Unavailable(f"Secret '{namespace}/{name}' could not be created: {answer.message}")
        return _stored(answer)

    async def _read_written(self, namespace: str, name: str) -> StoredSecret:
        found = await self.read_secret(namespace, name)
        if found is None:
            raise Unavailable(f"Secret '{namespace}/{name}' was deleted while it was being written")
        return found

    async def _list(self, ref: ResourceRef, label_selector: str) -> list[Manifest]:
        selector = {"labelSelector": label_selector} if label_selector else {}

        def request(params: Params) -> ApiRequest:
            return ApiRequest("list", ref, {**selector, **params})

        pager, items, token = Pager(self._client, request, decode_object), list[Manifest](), ""
        while True:
            page = expect(await pager.read(token))
            items += page.get("items") or []
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return items


def _secret(namespace: str, name: str) -> ResourceRef:
    return ResourceRef("v1", "secrets", namespace, name)


def _stored(manifest: Manifest) -> StoredSecret:
    metadata = manifest["metadata"]
    return StoredSecret(
        name=metadata["name"],
        values={key: SecretStr(_decoded(value)) for key, value in (manifest.get("data") or {}).items()},
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        resource_version=metadata["resourceVersion"],
        creation_timestamp=metadata.get("creationTimestamp") or "",
        changed_at=_changed_at(metadata),
        type=manifest.get("type") or OPAQUE,
    )


def _changed_at(metadata: Manifest) -> datetime | None:
    # The server dates the fields of each writer, and again when it changes a value. Our own clock plays no part.
    entries = [entry for entry in metadata.get("managedFields") or [] if "f:data" in (entry.get("fieldsV1") or {})]
    times = [entry["time"] for entry in entries if entry.get("time")]
    moment = max(times, default=metadata.get("creationTimestamp"))
    return datetime.fromisoformat(moment) if moment else None


def _decoded(value: str) -> str:
    # A binary value (a Java keystore, say) is no password of ours, and must not break the reading of other keys.
    return base64.b64decode(value).decode(errors="replace")


def _encoded(values: Mapping[str, SecretStr]) -> dict[str, Any]:
    return {key: base64.b64encode(value.get_secret_value().encode()).decode() for key, value in values.items()}


def read_workload(kind: str, item: Manifest) -> Workload:
    """Returns the progress of a Deployment or StatefulSet; pods of a previous template do not count."""
    spec, status, metadata = item.get("spec") or {}, item.get("status") or {}, item["metadata"]
    failing = [
        f"{condition.get('reason', '')}: {condition.get('message', '')}"
        for condition in status.get("conditions") or []
        if (condition["type"], condition["status"]) in {("Available", "False"), ("ReplicaFailure", "True")}
    ]
    updated = status.get("updatedReplicas") or 0
    previous = max(0, (status.get("replicas") or 0) - updated)
    return Workload(
        kind=kind,
        name=metadata["name"],
        desired=spec.get("replicas", 1),
        ready=max(0, (status.get("readyReplicas") or 0) - previous),
        updated=updated,
        observed=(status.get("observedGeneration") or 0) >= metadata.get("generation", 0),
        failure="; ".join(failing),
    )
