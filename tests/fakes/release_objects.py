"""The live objects of a release in memory."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import ObjectFailure, ObservedObject, ReleaseObject
from harbor_operator.ports.release_objects import ReleaseObjects


class FakeReleaseObjects(ReleaseObjects):
    """Objects are as Helm applied them, unless `changed` has other fields of one; None = deleted.

    `errors` are the objects that cannot be applied, also not in a dry run; `error` is what every call raises.
    """

    def __init__(self) -> None:
        self.changed: dict[str, Manifest | None] = {}
        self.errors: dict[str, str] = {}
        self.error: Exception | None = None
        self.comparisons = 0
        self.applied: list[ListedObject] = []

    @override
    async def observe(
        self, namespace: str, service_account: str, objects: Sequence[ReleaseObject]
    ) -> tuple[ObservedObject, ...]:
        if self.error:
            raise self.error
        self.comparisons += 1
        return tuple(self._observe(each) for each in objects)

    @override
    async def apply(
        self, namespace: str, service_account: str, objects: Sequence[ReleaseObject]
    ) -> tuple[ObjectFailure, ...]:
        for each in objects:
            if each.listed.name not in self.errors:
                self.applied.append(each.listed)
                self.changed.pop(each.listed.name, None)
        return tuple(
            ObjectFailure(each.listed, self.errors[each.listed.name])
            for each in objects
            if each.listed.name in self.errors
        )

    def _observe(self, desired: ReleaseObject) -> ObservedObject:
        name = desired.listed.name
        fields = self.changed.get(name, {})
        if fields is None:
            return ObservedObject(desired)
        if name in self.errors:
            return ObservedObject(desired, error=self.errors[name])
        return ObservedObject(desired, {**desired.manifest, **fields}, desired.manifest)
