"""The port OwnedObjects in memory, with a record of its writes."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from typing_extensions import override

from harbor_operator.adapters.owned_objects import contains
from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.owned_objects import ObjectKind
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.owned_objects import OwnedObjects
from harbor_operator.reasons import Reason

Key = tuple[str, str, str]
"""Kind, namespace and name."""


class FakeOwnedObjects(OwnedObjects):
    """Objects in a dictionary; only kinds of `served` exist, and `forbidden` ones fail as on the server."""

    def __init__(self, *served: ObjectKind) -> None:
        self.objects: dict[Key, Manifest] = {}
        self.served = set(served)
        self.forbidden: set[ObjectKind] = set()
        self.writes: list[str] = []

    def put(self, kind: ObjectKind, manifest: Manifest) -> None:
        """Stores an object as another client would; not recorded as a write of ours."""
        metadata = manifest["metadata"]
        self.objects[kind.kind, metadata["namespace"], metadata["name"]] = copy.deepcopy(manifest)

    @override
    async def is_served(self, kind: ObjectKind) -> bool:
        return kind in self.served

    @override
    async def read(self, kind: ObjectKind, namespace: str, name: str) -> Manifest | None:
        self._answer(kind)
        return copy.deepcopy(self.objects.get((kind.kind, namespace, name)))

    @override
    async def read_all(self, kind: ObjectKind, namespace: str) -> list[Manifest]:
        self._answer(kind)
        found = self.objects.items()
        return [copy.deepcopy(each) for key, each in found if key[:2] == (kind.kind, namespace)]

    @override
    async def write(self, kind: ObjectKind, manifest: Manifest, owner: Mapping[str, str]) -> Manifest:
        name = manifest["metadata"]["name"]
        found = await self.read(kind, manifest["metadata"]["namespace"], name)
        if found is None and kind not in self.served:
            raise Unavailable("the server could not find the requested resource")
        if found is not None and not owner.items() <= found["metadata"].get("labels", {}).items():
            raise Refused(Reason.SECRET_INVALID, f"{kind.kind} '{name}' exists but was not created for this registry")
        desired = {key: value for key, value in manifest.items() if key != "metadata"}
        if found is not None and contains(found, desired):
            return found
        self.writes.append(f"write {kind.kind} {name}")
        base = found or {"metadata": {**manifest["metadata"], "labels": dict(owner), "generation": 0}}
        base["metadata"]["generation"] = base["metadata"].get("generation", 0) + 1
        self.put(kind, {**base, **desired})
        return copy.deepcopy(self.objects[kind.kind, manifest["metadata"]["namespace"], name])

    @override
    async def remove(self, kind: ObjectKind, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        found = await self.read(kind, namespace, name)
        if found is not None and owner.items() <= found["metadata"].get("labels", {}).items():
            self.writes.append(f"remove {kind.kind} {name}")
            del self.objects[kind.kind, namespace, name]

    def _answer(self, kind: ObjectKind) -> None:
        if kind in self.forbidden:
            raise Refused(Reason.RIGHTS_MISSING, f"must not read {kind.resource}")
