"""The owner of a container, as the metadata of the proof object records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.container_owner import is_own, owner_digests
from harbor_operator.model.storage import ContainerOwner

OWNER_UID = "harbor-operator-registry-uid"
OWNER_CLUSTER = "harbor-operator-cluster"
OWNER_REGISTRY = "harbor-operator-registry"
ADOPTED = "harbor-operator-adopted"
PREVIOUS_OWNERS = "harbor-operator-previous-owners"


def read_owner(metadata: Mapping[str, str] | None) -> ContainerOwner | None:
    """Returns the owner in the metadata of the proof object; None without an object or an owner."""
    if metadata is None or OWNER_UID not in metadata:
        return None
    return ContainerOwner(
        uid=metadata[OWNER_UID],
        cluster=metadata.get(OWNER_CLUSTER, ""),
        registry=metadata.get(OWNER_REGISTRY, ""),
        adopted=metadata.get(ADOPTED) == "true",
        previous=tuple(digest for digest in metadata.get(PREVIOUS_OWNERS, "").split(",") if digest),
    )


def plan_owner(registry: HarborRegistry, observed: ContainerOwner | None, *, adopts_images: bool) -> ContainerOwner:
    """Returns the owner to record, for a container that this registry may use.

    `adopts_images` says that it takes up a container with images, as its spec asks for: it is then never removed.
    """
    ours = ContainerOwner(registry.metadata.uid, registry.metadata.cluster, registry.key)
    if observed is None:
        return replace(ours, adopted=adopts_images)
    if is_own(observed, registry):
        return replace(ours, adopted=observed.adopted or adopts_images, previous=observed.previous)
    return replace(ours, adopted=True, previous=(*observed.previous, *sorted(owner_digests(observed))))


def owner_metadata(owner: ContainerOwner) -> dict[str, str]:
    """Returns the metadata that records the owner."""
    metadata = {OWNER_UID: owner.uid, OWNER_CLUSTER: owner.cluster, OWNER_REGISTRY: owner.registry}
    if owner.adopted:
        metadata[ADOPTED] = "true"
    if owner.previous:
        metadata[PREVIOUS_OWNERS] = ",".join(owner.previous)
    return metadata
