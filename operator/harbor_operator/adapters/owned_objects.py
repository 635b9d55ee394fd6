"""OwnedObjects on the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiRequest, Conflict, Manifest, NotFound, RequestBody, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_discovery import ResourceTypes
from harbor_operator.adapters.kube_owned import expect, find, foreign_object, has_labels, removal
from harbor_operator.model.owned_objects import ObjectKind
from harbor_operator.ports import Unavailable
from harbor_operator.ports.owned_objects import OwnedObjects

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
        return await find(self._client, _ref(kind, namespace, name))

    @override
    async def read_all(self, kind: ObjectKind, namespace: str) -> list[Manifest]:
        request = ApiRequest("list", _ref(kind, namespace), {"limit": str(MAX_OBJECTS)})
        answer = await self._client.send_plain(request)
        return [] if isinstance(answer, NotFound) else list(expect(answer).get("items") or [])

    @override
    async def write(self, kind: ObjectKind, manifest: Manifest, owner: Mapping[str, str]) -> Manifest:
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        found = await self.read(kind, namespace, name)
        if found is None:
            return await self._create(kind, manifest, owner)
        if not has_labels(found, owner):
            raise foreign_object(kind.kind, namespace, name, owner)
        desired = {key: manifest[key] for key in CONTENT if key in manifest}
        if contains(found, desired):
            return found
        metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
        body = RequestBody.merge_patch({"metadata": metadata, **desired})
        return expect(await self._client.send_plain(ApiRequest("patch", _ref(kind, namespace, name), body=body)))

    @override
    async def remove(self, kind: ObjectKind, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        found = await self.read(kind, namespace, name)
        if found is None or not has_labels(found, owner):
            return
        answer = await self._client.send_plain(removal(_ref(kind, namespace, name), found))
        if isinstance(answer, Conflict):
            raise Unavailable(f"{kind.kind} '{namespace}/{name}' changed while it was being removed; it is read again")
        if not isinstance(answer, NotFound):
            expect(answer)

    async def _create(self, kind: ObjectKind, manifest: Manifest, owner: Mapping[str, str]) -> Manifest:
        metadata = {**manifest["metadata"], "labels": dict(owner)}
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **manifest, "metadata": metadata}
        ref = _ref(kind, metadata["namespace"])
        return expect(await self._client.send_plain(ApiRequest("create", ref, body=RequestBody.plain(whole))))


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
