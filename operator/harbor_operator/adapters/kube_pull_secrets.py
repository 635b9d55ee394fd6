"""The Cluster port on a real API server: three list-watches, and the two writes a namespace costs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import lru_cache, partial
from sys import intern
from typing import Any

from harbor_operator.adapters.kube_api import (
    ApiError,
    ApiRequest,
    Conflict,
    Invalid,
    Manifest,
    NotFound,
    Params,
    RequestBody,
    ResourceRef,
    apply_params,
)
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import OBJECTS, Metadata, PartialObject, decode_partial
from harbor_operator.adapters.reflector import Reflector, WatchedResource, WatchOptions
from harbor_operator.model.injection import PullSecret
from harbor_operator.model.namespace import ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.model.watch import Kind, ObservedObject, Source, WatchEvent
from harbor_operator.plan import names
from harbor_operator.plan.docker_config import DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, digest_of, encode
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

_PATCH = {"fieldManager": names.FIELD_MANAGER}
_APPLY = apply_params(names.FIELD_MANAGER, force=False)
_APPLY_OVER = apply_params(names.FIELD_MANAGER)


class KubernetesPullSecretApi:
    """Speaks for the injector to one API server."""

    def __init__(self, http: KubernetesClient, policy: WatchOptions) -> None:
        self._http = http
        self._policy = policy

    def watch(self, source: Source) -> AsyncGenerator[WatchEvent, None]:
        """Yields everything there is, then `Complete`, then every change."""
        # Namespaces without spec and status; the content of a pull Secret is needed to notice that it was edited.
        metadata_only = source.kind is Kind.NAMESPACES
        ref = ResourceRef("v1", source.kind, name=source.name)
        resource = WatchedResource(ref, OBJECTS, metadata_only=metadata_only)
        return Reflector(self._http, resource, partial(read_seen, source.kind), self._policy).events()

    async def apply_pull_secret(self, namespace: str, secret: PullSecret) -> ObservedSecret | None:
        """Makes the Secret hold this in one call; None if the world has moved on."""
        ref = ResourceRef("v1", "secrets", namespace, secret.name)
        params = _APPLY_OVER if secret.replaces else _APPLY
        answer = await self._send("patch", ref, params, RequestBody.apply(_secret_manifest(secret)))
        if isinstance(answer, NotFound | Conflict) or _is_another(answer):
            return None
        return read_secret(_expect(answer, f"Secret '{secret.name}' in namespace '{namespace}'"))

    async def remove_pull_secret(self, namespace: str, name: str, uid: str) -> ObservedSecret | None:
        """Deletes the Secret with that uid; returns it if it lingers on a finalizer."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}}
        ref = ResourceRef("v1", "secrets", namespace, name)
        answer = await self._send("delete", ref, {}, RequestBody.plain(options))
        if isinstance(answer, NotFound | Conflict):
            return None
        left = _expect(answer, f"Secret '{name}' in namespace '{namespace}'")
        return read_secret(left) if left.kind == "Secret" and left.metadata.finalizers else None

    async def patch_account(self, wanted: ObservedServiceAccount) -> ObservedServiceAccount | None:
        """Makes a service account that is still at that revision as wanted; None if it has moved on."""
        patch = {
            # The note of what we attached rides on the same write. The server tracks no field managers on an account
            # that was born empty, as `default` is, so they cannot tell.
            "metadata": {
                "resourceVersion": str(wanted.revision),
                "annotations": {names.ATTACHED: ",".join(wanted.attached) or None},
            },
            "imagePullSecrets": [{"name": reference} for reference in wanted.references],
        }
        ref = ResourceRef("v1", "serviceaccounts", wanted.namespace, wanted.name)
        answer = await self._send("patch", ref, _PATCH, RequestBody.merge_patch(patch))
        if isinstance(answer, NotFound | Conflict):
            return None
        return read_account(_expect(answer, f"ServiceAccount '{wanted.name}' in namespace '{wanted.namespace}'"))

    async def _send(self, verb: str, ref: ResourceRef, params: Params, body: RequestBody) -> PartialObject | ApiError:
        return await self._http.send(ApiRequest(verb, ref, params, body), decode_partial)


def _is_another(answer: PartialObject | ApiError) -> bool:
    # The server takes a uid that is not the object's for an attempt to change it, beside all else that differs.
    return isinstance(answer, Invalid) and "metadata.uid" in answer.fields


def _expect(answer: PartialObject | ApiError, what: str) -> PartialObject:
    if isinstance(answer, ApiError):
        raise Refused(Reason.NAMESPACES_FAILED, f"the API server does not take {what}: {answer.code} {answer.message}")
    return answer


def _secret_manifest(secret: PullSecret) -> Manifest:
    annotations = {names.REGISTRY_KEY: secret.registry_key}
    if secret.adopted:
        annotations[names.ADOPTED] = "true"
    metadata: dict[str, Any] = {
        "name": secret.name,
        "labels": {names.MANAGED_BY: names.FIELD_MANAGER, names.REGISTRY_UID: secret.registry_uid},
        "annotations": annotations,
    }
    if secret.replaces:
        # With a uid, an apply never makes a Secret anew and never overwrites one that has come to its place since.
        metadata["uid"] = secret.replaces
    data = {DOCKER_CONFIG_KEY: encode(secret.docker_config.get_secret_value())}
    return {"apiVersion": "v1", "kind": "Secret", "type": DOCKER_CONFIG_TYPE, "metadata": metadata, "data": data}


def read_seen(kind: Kind, thing: PartialObject) -> ObservedObject:
    """Returns the little that is kept of an object."""
    match kind:
        case Kind.NAMESPACES:
            return read_namespace(thing)
        case Kind.SECRETS:
            return read_secret(thing)
        case Kind.ACCOUNTS:
            return read_account(thing)


def read_namespace(thing: PartialObject) -> ObservedNamespace:
    """Returns name, labels and whether the Namespace is going away."""
    metadata = thing.metadata
    # One label of each is the namespace's own name; most others have few values.
    labels = {key: intern(value) for key, value in (metadata.labels or {}).items()}
    return ObservedNamespace(
        intern(metadata.name), _revision(metadata), labels, metadata.deletion_timestamp is not None
    )


def read_secret(thing: PartialObject) -> ObservedSecret:
    """Returns whose the Secret is and a digest of its content."""
    metadata = thing.metadata
    labels = metadata.labels or {}
    typed = thing.type == DOCKER_CONFIG_TYPE
    content = thing.data.docker_config if thing.data else ""
    return ObservedSecret(
        namespace=intern(metadata.namespace),
        name=intern(metadata.name),
        uid=metadata.uid,
        revision=_revision(metadata),
        owner=intern(labels.get(names.REGISTRY_UID, "")),
        digest=_shared_digest(digest_of(content)) if typed else b"",
        labelled=labels.get(names.MANAGED_BY) == names.FIELD_MANAGER,
        adopted=names.ADOPTED in (metadata.annotations or {}),
        immutable=not typed or bool(thing.immutable),
        terminating=metadata.deletion_timestamp is not None,
    )


def read_account(thing: PartialObject) -> ObservedServiceAccount:
    """Returns the references of a service account, and which of them we attached."""
    metadata = thing.metadata
    references = _shared_names(tuple(entry.name for entry in thing.image_pull_secrets or () if entry.name))
    note = (metadata.annotations or {}).get(names.ATTACHED, "")
    attached = _shared_names(tuple(name for name in note.split(",") if name))
    return ObservedServiceAccount(
        intern(metadata.namespace), intern(metadata.name), _revision(metadata), references, attached
    )


# What ten thousand namespaces have in common is kept once: of equal values, the first is returned for all.
@lru_cache(maxsize=1024)
def _shared_names(equal: tuple[str, ...]) -> tuple[str, ...]:
    return equal


@lru_cache(maxsize=64)
def _shared_digest(equal: bytes) -> bytes:
    return equal


def _revision(metadata: Metadata) -> int:
    return int(metadata.resource_version)
