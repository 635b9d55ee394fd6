"""OwnedObjects on the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.kube_api import (
    ApiError,
    ApiRequest,
    Conflict,
    Manifest,
    NotFound,
    RequestBody,
    ResourceRef,
)
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_discovery import ResourceTypes
from harbor_operator.model.owned_objects import ObjectKind
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.owned_objects import OwnedObjects
from harbor_operator.reasons import Reason

MAX_OBJECTS = 200
"""Of one kind in a namespace; a release has fewer than ten, and cert-manager keeps one request for each."""

CONTENT = ("spec", "data")
"""The fields of a manifest that the operator sets beside its metadata."""


class KubernetesOwnedObjects(OwnedObjects):
    """Sends one request for each call, and two for a write or a removal."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    @override
    async def is_served(self, kind: ObjectKind) -> bool:
        return await ResourceTypes(self._client).find(kind.api_version, kind.kind) is not None

    @override
    async def read(self, kind: ObjectKind, namespace: str, name: str) -> Manifest | None:
        answer = await self._client.send_plain(ApiRequest("get", _ref(kind, namespace, name)))
        return None if isinstance(answer, NotFound) else _expect(answer)

    @override
    async def read_all(self, kind: ObjectKind, namespace: str) -> list[Manifest]:
        request = ApiRequest("list", _ref(kind, namespace), {"limit": str(MAX_OBJECTS)})
        answer = await self._client.send_plain(request)
        return [] if isinstance(answer, NotFound) else list(_expect(answer).get("items") or [])

    @override
    async def write(self, kind: ObjectKind, manifest: Manifest, owner: Mapping[str, str]) -> Manifest:
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        found = await self.read(kind, namespace, name)
        if found is None:
            return await self._create(kind, manifest, owner)
        if not _has_labels(found, owner):
            labels = ", ".join(f"{key}={value}" for key, value in owner.items())
            raise Refused(
                Reason.SECRET_INVALID,
                f"{kind.kind} '{namespace}/{name}' exists but was not created for this registry: give it the labels"
                f" {labels} if the operator may use it, or delete it if nothing uses it",
            )
        desired = {key: manifest[key] for key in CONTENT if key in manifest}
        if contains(found, desired):
            return found
        metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
        body = RequestBody.merge_patch({"metadata": metadata, **desired})
        return _expect(await self._client.send_plain(ApiRequest("patch", _ref(kind, namespace, name), body=body)))

    @override
    async def remove(self, kind: ObjectKind, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        found = await self.read(kind, namespace, name)
        if found is None or not _has_labels(found, owner):
            return
        # The labels were read before: the version makes sure that they are still there.
        proof = {key: found["metadata"][key] for key in ("uid", "resourceVersion")}
        body = RequestBody.plain({"preconditions": proof})
        answer = await self._client.send_plain(ApiRequest("delete", _ref(kind, namespace, name), body=body))
        if isinstance(answer, Conflict):
            raise Unavailable(f"{kind.kind} '{namespace}/{name}' changed while it was being removed; it is read again")
        if not isinstance(answer, NotFound):
            _expect(answer)

    async def _create(self, kind: ObjectKind, manifest: Manifest, owner: Mapping[str, str]) -> Manifest:
        metadata = {**manifest["metadata"], "labels": dict(owner)}
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **manifest, "metadata": metadata}
        ref = _ref(kind, metadata["namespace"])
        return _expect(await self._client.send_plain(ApiRequest("create", ref, body=RequestBody.plain(whole))))


def contains(observed: Any, desired: Any) -> bool:
    """Whether every desired field has its value; a list is compared as a whole, with the fields of its entries."""
    if isinstance(desired, dict):
        return isinstance(observed, dict) and all(contains(observed.get(key), desired[key]) for key in desired)
    if isinstance(desired, list) and isinstance(observed, list):
        pairs = zip(observed, desired, strict=False)
        return len(observed) == len(desired) and all(contains(one, other) for one, other in pairs)
    return bool(observed == desired)


def _ref(kind: ObjectKind, namespace: str, name: str = "") -> ResourceRef:
    return ResourceRef(kind.api_version, kind.resource, namespace, name)


def _has_labels(manifest: Manifest, owner: Mapping[str, str]) -> bool:
    return owner.items() <= (manifest["metadata"].get("labels") or {}).items()


def _expect(answer: Manifest | ApiError) -> Manifest:
    if isinstance(answer, ApiError):
        raise Unavailable(answer.message)
    return answer
