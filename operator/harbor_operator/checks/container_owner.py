"""Whose container it is: only one registry may use it, because each collects the layers of the other as garbage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import ContainerOwner, StoragePlace
from harbor_operator.reasons import Reason


def is_own(owner: ContainerOwner, registry: HarborRegistry) -> bool:
    """Whether the mark names this registry, or one of the same name that this one replaces in the same cluster."""
    if not owner.cluster:
        return owner.uid == registry.metadata.uid
    return (owner.cluster, owner.registry) == (registry.metadata.cluster, registry.key)


def owner_digests(owner: ContainerOwner) -> set[str]:
    """Returns the digests by which the list of previous owners names an owner: with its name, and by its uid alone."""
    texts = [f"{owner.cluster}/{owner.registry}"] if owner.cluster else []
    return {hashlib.sha256(text.encode()).hexdigest()[:8] for text in (*texts, owner.uid)}


def check_owner(
    registry: HarborRegistry,
    place: StoragePlace,
    owner: ContainerOwner | None,
    *,
    holds_images: bool,
    registries: Iterable[Mapping[str, Any]],
) -> Blocked | None:
    """Returns a block if the container belongs to another registry, or is in use without a mark.

    `registries` are all of this cluster. Only what no registry of this cluster uses can be adopted, and only once.
    """
    where = _describe_place(place)
    if owner is None:
        return _refused(_unmarked(place)) if holds_images and not place.adopts else None
    if is_own(owner, registry):
        return None
    if user := _user(owner, registry, registries):
        return _refused(
            f"{where} is in use by HarborRegistry '{user}', and two registries would delete each other's layers: "
            f"{_another(place)}"
        )
    ours = ContainerOwner(registry.metadata.uid, registry.metadata.cluster, registry.key)
    if owner_digests(ours) & set(owner.previous):
        return _refused(
            f"{where} was adopted by {_describe(owner)}, which uses it now: {_another(place)}; or delete the other "
            f"HarborRegistry, which leaves adopted images, and then object '{place.proof}' in the {place.noun}"
        )
    return None if place.adopts else _refused(_marked(place, owner))


def marked_meanwhile(place: StoragePlace) -> Blocked:
    """Returns the outcome for a place whose mark changed between the check of its owner and the first mark."""
    return _refused(
        f"another client marked {_describe_place(place)} while the operator probed it; the operator reads the mark "
        f"again at its next check: if it names another registry, {_another(place)}"
    )


def images_without_database(place: StoragePlace, secrets: Sequence[str]) -> Blocked:
    """Returns the refusal to start Harbor without the database that describes the images of the place.

    `secrets` are the names of the Secrets without which a dump of that database cannot be used.
    """
    named = " and ".join(f"Secret '{name}'" for name in secrets)
    return _refused(
        f"{_describe_place(place)} holds the images of an earlier HarborRegistry of this name, and the database of "
        "`spec.database` has no table of Harbor: Harbor would not show these images, and its garbage collection can "
        f"delete layers that they share with new ones. Restore {named} with the labels, and then a dump into the "
        "database (without the Secret, name Harbor's old key in `spec.release.secretKeyRef`), or set `spec.database` "
        f"as it was. To start without these images, {_another(place)}; `Delete` would remove them. To start beside "
        f"them, set `{place.spec}.adoptExisting: true`"
    )


def create_with_another(field: str) -> str:
    """Returns the remedy for the name of a place, which is immutable."""
    return (
        "delete this HarborRegistry with `spec.deletionPolicy.storage: Retain`, the default, and create it again with "
        f"another `{field}`"
    )


def _user(owner: ContainerOwner, registry: HarborRegistry, registries: Iterable[Mapping[str, Any]]) -> str:
    same_cluster = owner.cluster == registry.metadata.cluster
    for other in registries:
        metadata = other["metadata"]
        key = f"{metadata['namespace']}/{metadata['name']}"
        if metadata.get("uid") == owner.uid or (same_cluster and owner.registry == key):
            return key
    return ""


def _marked(place: StoragePlace, owner: ContainerOwner) -> str:
    return (
        f"{_describe_place(place)} is marked as the storage of {_describe(owner)}, and two registries would delete "
        f"each other's layers: {_another(place)}; if that registry no longer uses the {place.noun}, {_adopt(place)}"
    )


def _unmarked(place: StoragePlace) -> str:
    return (
        f"{_describe_place(place)} already holds the images of a Harbor that this operator did not install: "
        f"{_another(place)}; if no other Harbor uses the {place.noun}, {_adopt(place)}"
    )


def _another(place: StoragePlace) -> str:
    return create_with_another(f"{place.spec}.{place.noun}")


def _adopt(place: StoragePlace) -> str:
    return (
        f"set `{place.spec}.adoptExisting: true` to use it with its images; the operator then never removes it, "
        "whatever `spec.deletionPolicy.storage` says"
    )


def _describe_place(place: StoragePlace) -> str:
    return f"{place.noun} '{place.name}'"


def _describe(owner: ContainerOwner) -> str:
    if not owner.cluster:
        return f"a HarborRegistry with uid '{owner.uid}'"
    return f"HarborRegistry '{owner.registry}' in cluster '{owner.cluster}'"


def _refused(message: str) -> Blocked:
    return Blocked(Reason.STORAGE_CONTAINER_REFUSED, message)
