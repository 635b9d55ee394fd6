"""The Kube port over the thin client: Secrets, ConfigMaps and workloads in the registry's own namespace."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from harbor_operator.adapters.kube_api import ApiError, Conflict, NotFound, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.api.v1alpha1 import GROUP, PLURAL, VERSION
from harbor_operator.model.kubernetes import Manifest, StoredSecret, Workload
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

REGISTRIES = f"/apis/{GROUP}/{VERSION}/{PLURAL}"


class KubernetesNamespaceResources:
    """Reads and writes in namespaces that hold a registry; see ports/kube.py for what each call promises."""

    def __init__(self, http: KubernetesClient) -> None:
        self._http = http

    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        """Returns the Secret, or None if there is none."""
        found = await self._read(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        return None if found is None else _stored(found)

    async def read_secrets(self, namespace: str, label_selector: str) -> list[StoredSecret]:
        """Returns the Secrets that carry the labels."""
        return [_stored(item) for item in await self._list(f"/api/v1/namespaces/{namespace}/secrets", label_selector)]

    async def read_config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Returns the data of the ConfigMap, or None if there is none."""
        found = await self._read(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        return None if found is None else dict(found.get("data") or {})

    async def ensure_secret(
        self, namespace: str, name: str, make: Callable[[], Mapping[str, SecretStr]], owner: Mapping[str, str]
    ) -> StoredSecret:
        """Returns the Secret, made once and read ever after; keys that are missing are added."""
        found = await self._owned(namespace, name, owner)
        if found is None:
            return await self._create_secret(namespace, name, make(), owner)
        # `make` is asked again only to learn its keys: what exists is never replaced.
        missing = {key: value for key, value in make().items() if key not in found.values}
        if not missing:
            return found
        await self.patch_secret(namespace, name, {"data": _encoded(missing)}, found.resource_version)
        return await self._again(namespace, name)

    async def apply_secret(
        self, namespace: str, name: str, values: Mapping[str, SecretStr], owner: Mapping[str, str]
    ) -> StoredSecret:
        """Makes the Secret hold exactly these values; writes only if it differs."""
        found = await self._owned(namespace, name, owner)
        if found is None:
            return await self._create_secret(namespace, name, values, owner)
        if dict(found.values) == dict(values):
            return found
        gone: dict[str, str | None] = {key: None for key in found.values if key not in values}
        patch = {"data": gone | _encoded(values)}
        await self.patch_secret(namespace, name, patch, found.resource_version)
        return await self._again(namespace, name)

    async def patch_secret(self, namespace: str, name: str, patch: Manifest, resource_version: str) -> None:
        """Merge-patches a Secret if it is still at that version; Unavailable if it has moved on."""
        metadata = {**patch.get("metadata", {}), "resourceVersion": resource_version}
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        answer = await self._http.request("PATCH", path, body=RequestBody.merge_patch({**patch, "metadata": metadata}))
        if isinstance(answer, ApiError):
            raise Unavailable(f"Secret '{namespace}/{name}' changed while it was being written; it is read again")

    async def remove_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        """Deletes the Secret if it carries the owner's labels; a missing one is a success."""
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        found = await self._read(path)
        if found is None or not _carries(found, owner):
            return
        body = RequestBody.plain({"preconditions": {"uid": found["metadata"]["uid"]}})
        answer = await self._http.request("DELETE", path, body=body)
        if isinstance(answer, ApiError) and not isinstance(answer, NotFound | Conflict):
            raise Unavailable(f"Secret '{namespace}/{name}' could not be removed: {answer.message}")

    async def read_workloads(self, namespace: str, label_selector: str) -> list[Workload]:
        """Returns Deployments and StatefulSets that carry the labels, with their progress."""
        deployments = await self._list(f"/apis/apps/v1/namespaces/{namespace}/deployments", label_selector)
        sets = await self._list(f"/apis/apps/v1/namespaces/{namespace}/statefulsets", label_selector)
        return [read_workload("Deployment", item) for item in deployments] + [
            read_workload("StatefulSet", item) for item in sets
        ]

    async def read_registries(self) -> list[Manifest]:
        """Returns every HarborRegistry of the cluster as the API server holds it."""
        return await self._list(REGISTRIES, "")

    async def _owned(self, namespace: str, name: str, owner: Mapping[str, str]) -> StoredSecret | None:
        found = await self._read(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if found is None:
            return None
        if not _carries(found, owner):
            raise Refused(
                Reason.SECRET_INVALID,
                f"Secret '{namespace}/{name}' exists but was not made for this registry: rename or delete it, or give "
                f"it the labels {', '.join(f'{key}={value}' for key, value in owner.items())} if it may be used",
            )
        return _stored(found)

    async def _create_secret(
        self, namespace: str, name: str, values: Mapping[str, SecretStr], owner: Mapping[str, str]
    ) -> StoredSecret:
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace, "labels": dict(owner)},
            "type": "Opaque",
            "data": _encoded(values),
        }
        answer = await self._http.request(
            "POST", f"/api/v1/namespaces/{namespace}/secrets", body=RequestBody.plain(manifest)
        )
        if isinstance(answer, ApiError):
            raise Unavailable(f"Secret '{namespace}/{name}' could not be created: {answer.message}")
        return _stored(answer)

    async def _again(self, namespace: str, name: str) -> StoredSecret:
        found = await self.read_secret(namespace, name)
        if found is None:
            raise Unavailable(f"Secret '{namespace}/{name}' was deleted while it was being written")
        return found

    async def _read(self, path: str) -> Manifest | None:
        answer = await self._http.request("GET", path)
        if isinstance(answer, NotFound):
            return None
        return _object(answer)

    async def _list(self, path: str, label_selector: str) -> list[Manifest]:
        params = {"labelSelector": label_selector} if label_selector else {}
        items = _object(await self._http.request("GET", path, params=params)).get("items") or []
        return list(items)


def _object(answer: Manifest | ApiError) -> Manifest:
    if isinstance(answer, ApiError):
        raise Unavailable(answer.message)
    return answer


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
    )


def _changed_at(metadata: Manifest) -> datetime | None:
    # The server dates what each writer owns, and dates it anew when he changes a value; our clock plays no part.
    entries = [entry for entry in metadata.get("managedFields") or [] if "f:data" in (entry.get("fieldsV1") or {})]
    times = [entry["time"] for entry in entries if entry.get("time")]
    moment = max(times, default=metadata.get("creationTimestamp"))
    return datetime.fromisoformat(moment) if moment else None


def _decoded(value: str) -> str:
    # A binary value (a Java keystore, say) is nobody's password; it must only not break the reading of its neighbours.
    return base64.b64decode(value).decode(errors="replace")


def _encoded(values: Mapping[str, SecretStr]) -> dict[str, Any]:
    return {key: base64.b64encode(value.get_secret_value().encode()).decode() for key, value in values.items()}


def _carries(manifest: Manifest, labels: Mapping[str, str]) -> bool:
    held = manifest["metadata"].get("labels") or {}
    return all(held.get(key) == value for key, value in labels.items())


def read_workload(kind: str, item: Manifest) -> Workload:
    """Returns what a Deployment or StatefulSet says of itself; pods of a former template count for nothing."""
    spec, status, metadata = item.get("spec") or {}, item.get("status") or {}, item["metadata"]
    failing = [
        f"{condition.get('reason', '')}: {condition.get('message', '')}"
        for condition in status.get("conditions") or []
        if (condition["type"], condition["status"]) in {("Available", "False"), ("ReplicaFailure", "True")}
    ]
    updated = status.get("updatedReplicas") or 0
    former = max(0, (status.get("replicas") or 0) - updated)
    return Workload(
        kind=kind,
        name=metadata["name"],
        desired=spec.get("replicas", 1),
        ready=max(0, (status.get("readyReplicas") or 0) - former),
        updated=updated,
        observed=(status.get("observedGeneration") or 0) >= metadata.get("generation", 0),
        failure="; ".join(failing),
    )
