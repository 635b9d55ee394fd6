"""Marks the place of the images as this registry's, once it passed the probe.

The mark is the metadata of one object: the owner, and a digest of what the result of the probe depends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.container_owner import check_owner, images_without_database, is_own, marked_meanwhile
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import ContainerOwner, StoragePlace
from harbor_operator.plan import names
from harbor_operator.plan.container_owner import owner_metadata, plan_owner, read_owner
from harbor_operator.plan.storage import PROOF_DIGEST
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.harbor_database import HarborDatabase


class MarkedPlace(Protocol):
    """A container or bucket, as the mark needs it."""

    @property
    def place(self) -> StoragePlace:
        """Where it is, for messages."""
        ...

    async def read_mark(self) -> Mapping[str, str] | None:
        """Returns the metadata of the proof object, or None if it does not exist."""
        ...

    async def write_mark(self, mark: Mapping[str, str]) -> None:
        """Writes the proof object with this metadata."""
        ...

    async def holds_images(self) -> bool:
        """Returns whether a registry has stored anything there."""
        ...

    async def check_images(self) -> Blocked | None:
        """Returns why the registry cannot read the images there; not asked for images that it stored itself."""
        ...

    async def probe(self) -> Blocked | None:
        """Probes the store; returns what it does not do as the registry needs."""
        ...


class StorageMarks:
    """Marks places of images for their registries."""

    def __init__(self, kube: NamespaceResources, database: HarborDatabase) -> None:
        self._kube = kube
        self._database = database

    async def ensure(self, registry: HarborRegistry, target: MarkedPlace, digest: str) -> Blocked | None:
        """Marks the place once; probes it again when `digest` differs from the one in the mark."""
        observed = await target.read_mark()
        owner = read_owner(observed)
        takes_up = owner is None or owner.uid != registry.metadata.uid
        holds_images = takes_up and await target.holds_images()
        if blocked := await self._check(registry, target, owner, holds_images=holds_images):
            return blocked
        mark = owner_metadata(plan_owner(registry, owner, adopts_images=holds_images and target.place.adopts))
        wanted = {PROOF_DIGEST: digest, **mark}
        if observed is None or observed.get(PROOF_DIGEST) != digest:
            if failure := await target.probe():
                return failure
            # The probe takes seconds, and a PUT has no precondition in RGW's Swift API.
            if await target.read_mark() != observed:
                return marked_meanwhile(target.place)
        elif wanted.items() <= observed.items():
            return None
        await target.write_mark(wanted)
        return None

    async def _check(
        self, registry: HarborRegistry, target: MarkedPlace, owner: ContainerOwner | None, *, holds_images: bool
    ) -> Blocked | None:
        """Returns why the registry must not use the place; `holds_images` counts only if it does not yet use it."""
        # First, because another refusal can have the remedy to adopt the images.
        if holds_images and (blocked := await target.check_images()):
            return blocked
        place = target.place
        is_of_other = owner is not None and not is_own(owner, registry)
        registries = await self._kube.read_registries() if is_of_other else ()
        if blocked := check_owner(registry, place, owner, holds_images=holds_images, registries=registries):
            return blocked
        if holds_images and not place.adopts and await self._database.starts_empty(registry):
            return images_without_database(place, names.data_secrets(registry))
        return None
