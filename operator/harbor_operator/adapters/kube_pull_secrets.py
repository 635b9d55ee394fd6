"""PullSecretApi on the Kubernetes API: the watches of three resources, and the two writes that a namespace needs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import lru_cache, partial
from sys import intern
from typing import Any

from typing_extensions import override

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
from harbor_operator.adapters.kube_denials import Forbidden
from harbor_operator.adapters.kube_objects import OBJECTS, Metadata, PartialObject, decode_partial
from harbor_operator.adapters.reflector import Reflector, WatchedResource, WatchOptions
from harbor_operator.checks.denials import explain_managed_namespace
from harbor_operator.model.injection import PullSecret
from harbor_operator.model.namespace import (
    MAX_LABELS_CHARACTERS,
    MAX_PROJECTS_CHARACTERS,
    MAX_REFERENCES,
    MAX_REFERENCES_BYTES,
    ObservedNamespace,
    ObservedSecret,
    ObservedServiceAccount,
)
from harbor_operator.model.watch import Kind, ObservedObject, Source, WatchEvent
from harbor_operator.plan import names
from harbor_operator.plan.docker_config import DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, digest_of, encode
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.pull_secrets import PullSecretApi
from harbor_operator.reasons import Reason

_PATCH = {"fieldManager": names.FIELD_MANAGER}
_APPLY = apply_params(names.FIELD_MANAGER, force=False)
_FORCED_APPLY = apply_params(names.FIELD_MANAGER)
_REVIEWS = ResourceRef("authorization.k8s.io/v1", "selfsubjectaccessreviews")
MAX_SHARED_REFERENCES = 4
MAX_SHARED_REFERENCES_BYTES = 256
"""Only tuples up to this size are shared between service accounts, so the cache stays below 1 MiB.

Every user who may change a service account decides what is in the lists, and how many different lists there are."""


class KubernetesPullSecretApi(PullSecretApi):
    """Accesses one API server on behalf of the injector."""

    def __init__(self, http: KubernetesClient, options: WatchOptions) -> None:
        self._http = http
        self._options = options

    @override
    def watch(self, source: Source) -> AsyncGenerator[WatchEvent, None]:
        # Namespaces come without spec and status. Secrets come with their content, because only that shows an edit.
        metadata_only = source.kind is Kind.NAMESPACES
        ref = ResourceRef("v1", source.kind, name=source.name)
        resource = WatchedResource(ref, OBJECTS, metadata_only=metadata_only)
        return Reflector(self._http, resource, partial(read_object, source.kind), self._options).events()

    @override
    async def apply_pull_secret(self, namespace: str, secret: PullSecret) -> ObservedSecret | None:
        ref = ResourceRef("v1", "secrets", namespace, secret.name)
        params = _FORCED_APPLY if secret.replaces else _APPLY
        answer = await self._send("patch", ref, params, RequestBody.apply(_secret_manifest(secret)))
        if isinstance(answer, NotFound | Conflict) or _has_another_uid(answer):
            return None
        return read_secret(_expect(answer, f"Secret '{secret.name}' in namespace '{namespace}'"))

    @override
    async def remove_pull_secret(self, namespace: str, name: str, uid: str) -> ObservedSecret | None:
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}}
        ref = ResourceRef("v1", "secrets", namespace, name)
        answer = await self._send("delete", ref, {}, RequestBody.plain(options))
        if isinstance(answer, NotFound | Conflict):
            return None
        left = _expect(answer, f"Secret '{name}' in namespace '{namespace}'")
        return read_secret(left) if left.kind == "Secret" and left.metadata.finalizers else None

    @override
    async def patch_account(self, wanted: ObservedServiceAccount) -> ObservedServiceAccount | None:
        patch = {
            # The annotation records what we attached, in the same write. Managed fields cannot: the server tracks none
            # for a list of an account that was created empty, as `default` is.
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
        try:
            return await self._http.send(ApiRequest(verb, ref, params, body), decode_partial)
        except Forbidden as forbidden:
            if not await self._is_allowed_everywhere(verb, ref):
                raise
            message = explain_managed_namespace(ref.namespace, str(forbidden))
            raise Refused(Reason.NAMESPACE_WRITE_FORBIDDEN, message) from None

    async def _is_allowed_everywhere(self, verb: str, ref: ResourceRef) -> bool:
        """Whether the roles allow the write in every namespace; False if the API server does not answer that."""
        attributes = {"verb": verb, "version": ref.api_version, "resource": ref.resource, "name": ref.name}
        review = {"spec": {"resourceAttributes": attributes}}
        request = ApiRequest("create", _REVIEWS, body=RequestBody.plain(review))
        try:
            answer = await self._http.send_plain(request)
        except (Unavailable, Refused):
            return False
        return not isinstance(answer, ApiError) and bool((answer.get("status") or {}).get("allowed"))


def _has_another_uid(answer: PartialObject | ApiError) -> bool:
    # The server reads a uid that is not the object's as an attempt to change it.
    return isinstance(answer, Invalid) and "metadata.uid" in answer.fields


def _expect(answer: PartialObject | ApiError, what: str) -> PartialObject:
    if isinstance(answer, ApiError):
        raise Refused(Reason.NAMESPACES_FAILED, f"the API server rejects {what}: {answer.code} {answer.message}")
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
        # With a uid, an apply neither creates a Secret nor overwrites another one that has that name now.
        metadata["uid"] = secret.replaces
    data = {DOCKER_CONFIG_KEY: encode(secret.docker_config.get_secret_value())}
    return {"apiVersion": "v1", "kind": "Secret", "type": DOCKER_CONFIG_TYPE, "metadata": metadata, "data": data}


def read_object(kind: Kind, obj: PartialObject) -> ObservedObject:
    """Returns what the injector keeps of an object."""
    match kind:
        case Kind.NAMESPACES:
            return read_namespace(obj)
        case Kind.SECRETS:
            return read_secret(obj)
        case Kind.ACCOUNTS:
            return read_account(obj)


def read_namespace(obj: PartialObject) -> ObservedNamespace:
    """Returns name, labels and whether the Namespace is terminating; no labels if they are oversized."""
    metadata = obj.metadata
    given = metadata.labels or {}
    oversized = sum(map(len, given)) + sum(map(len, given.values())) > MAX_LABELS_CHARACTERS
    # One label of each namespace is its own name; most others have few values.
    labels = {} if oversized else {key: intern(value) for key, value in given.items()}
    terminating = metadata.deletion_timestamp is not None
    annotations = metadata.annotations or {}
    projects, inject = annotations.get(names.PROJECTS), annotations.get(names.INJECT, "")
    if projects is not None and len(projects) > MAX_PROJECTS_CHARACTERS:
        projects = ""
    if inject not in {names.INJECT_ENABLED, names.INJECT_DISABLED}:
        inject = ""
    revision = _revision(metadata)
    return ObservedNamespace(intern(metadata.name), revision, labels, terminating, oversized, projects, intern(inject))


def read_secret(obj: PartialObject) -> ObservedSecret:
    """Returns the owner of a Secret and a digest of its content."""
    metadata = obj.metadata
    labels, annotations = metadata.labels or {}, metadata.annotations or {}
    is_docker_config = obj.type == DOCKER_CONFIG_TYPE
    content = obj.data.docker_config if obj.data else ""
    return ObservedSecret(
        namespace=intern(metadata.namespace),
        name=intern(metadata.name),
        uid=metadata.uid,
        revision=_revision(metadata),
        owner=intern(labels.get(names.REGISTRY_UID, "")),
        registry=intern(annotations.get(names.REGISTRY_KEY, "")),
        digest=_shared_digest(digest_of(content)) if is_docker_config else b"",
        labelled=labels.get(names.MANAGED_BY) == names.FIELD_MANAGER,
        adopted=names.ADOPTED in annotations,
        immutable=not is_docker_config or bool(obj.immutable),
        terminating=metadata.deletion_timestamp is not None,
    )


def read_account(obj: PartialObject) -> ObservedServiceAccount:
    """Returns the references of a service account and which of them we attached; neither if they are oversized."""
    metadata = obj.metadata
    entries = obj.image_pull_secrets or ()
    annotations = metadata.annotations or {}
    attached = annotations.get(names.ATTACHED, "")
    size = sum(len(entry.name) for entry in entries)
    oversized = len(entries) > MAX_REFERENCES or max(size, len(attached)) > MAX_REFERENCES_BYTES
    return ObservedServiceAccount(
        intern(metadata.namespace),
        intern(metadata.name),
        _revision(metadata),
        () if oversized else _shared(tuple(entry.name for entry in entries if entry.name)),
        () if oversized else _shared(tuple(name for name in attached.split(",") if name)),
        oversized,
        opted_out=annotations.get(names.INJECT) == names.INJECT_DISABLED,
    )


def _shared(references: tuple[str, ...]) -> tuple[str, ...]:
    if len(references) > MAX_SHARED_REFERENCES or sum(map(len, references)) > MAX_SHARED_REFERENCES_BYTES:
        return references
    return _first_equal(references)


# Equal values of ten thousand namespaces are stored once: of equal ones, the cache returns the first.
@lru_cache(maxsize=1024)
def _first_equal(references: tuple[str, ...]) -> tuple[str, ...]:
    return references


@lru_cache(maxsize=64)
def _shared_digest(digest: bytes) -> bytes:
    return digest


def _revision(metadata: Metadata) -> int:
    return int(metadata.resource_version)
