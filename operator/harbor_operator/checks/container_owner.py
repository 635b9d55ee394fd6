"""Whose container it is: only one registry may use it, because each collects the layers of the other as garbage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import ContainerOwner, DesiredSwift
from harbor_operator.reasons import Reason

_ANOTHER = "choose another `spec.storage.swift.container`"
_ADOPT = (
    "set `spec.storage.swift.adoptExisting: true` to use it with its images; the operator then never removes it, "
    "whatever `spec.deletionPolicy.storage` says"
)


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
    desired: DesiredSwift,
    owner: ContainerOwner | None,
    *,
    holds_images: bool,
    registries: Iterable[Mapping[str, Any]],
) -> Blocked | None:
    """Returns a block if the container belongs to another registry, or is in use without a mark.

    `registries` are all of this cluster. Only what no registry of this cluster uses can be adopted, and only once.
    """
    container = desired.container
    if owner is None:
        return _refused(_unmarked(container)) if holds_images and not desired.adopts else None
    if is_own(owner, registry):
        return None
    if user := _user(owner, registry, registries):
        return _refused(
            f"container '{container}' is in use by HarborRegistry '{user}', and two registries would delete each "
            f"other's layers: {_ANOTHER}"
        )
    ours = ContainerOwner(registry.metadata.uid, registry.metadata.cluster, registry.key)
    if owner_digests(ours) & set(owner.previous):
        return _refused(
            f"container '{container}' was adopted by {_describe(owner)}, which uses it now: {_ANOTHER}, "
            "or remove the storage from the other registry and then delete object 'harbor-operator/proof' in the "
            "container to release it"
        )
    return None if desired.adopts else _refused(_marked(container, owner))


def marked_meanwhile(container: str) -> Blocked:
    """Returns the outcome for a container whose mark changed between the check of its owner and the first mark."""
    return _refused(
        f"another client marked container '{container}' while the operator probed it; the operator reads the mark "
        f"again at its next check: if it names another registry, {_ANOTHER}"
    )


def _user(owner: ContainerOwner, registry: HarborRegistry, registries: Iterable[Mapping[str, Any]]) -> str:
    same_cluster = owner.cluster == registry.metadata.cluster
    for other in registries:
        metadata = other["metadata"]
        key = f"{metadata['namespace']}/{metadata['name']}"
        if metadata.get("uid") == owner.uid or (same_cluster and owner.registry == key):
            return key
    return ""


def _marked(container: str, owner: ContainerOwner) -> str:
    return (
        f"container '{container}' is marked as the storage of {_describe(owner)}, and two registries would delete each "
        f"other's layers: {_ANOTHER}; if that registry no longer uses the container, {_ADOPT}"
    )


def _unmarked(container: str) -> str:
    return (
        f"container '{container}' already holds the images of a Harbor that this operator did not install: {_ANOTHER}; "
        f"if no other Harbor uses the container, {_ADOPT}"
    )


def _describe(owner: ContainerOwner) -> str:
    if not owner.cluster:
        return f"a HarborRegistry with uid '{owner.uid}'"
    return f"HarborRegistry '{owner.registry}' in cluster '{owner.cluster}'"


def _refused(message: str) -> Blocked:
    return Blocked(Reason.STORAGE_CONTAINER_REFUSED, message)
