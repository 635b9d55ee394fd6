"""MigrationApi on the Kubernetes API: lists in pages, and writes that carry the uid and revision that were read."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import msgspec
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import (
    JSON,
    LIST_TIMEOUT_SECONDS,
    METADATA_LIST,
    METADATA_ONLY,
    ApiError,
    ApiRequest,
    Conflict,
    NotFound,
    Params,
    RequestBody,
    ResourceRef,
)
from harbor_operator.adapters.kube_client import Decode, KubernetesClient
from harbor_operator.adapters.kube_objects import (
    OBJECTS,
    PODS,
    Metadata,
    ObjectT,
    Page,
    PartialObject,
    PodSpec,
    decode_partial,
)
from harbor_operator.adapters.kube_pages import Pager
from harbor_operator.adapters.kube_pull_secrets import read_account, read_namespace
from harbor_operator.api.kind import GROUP, PLURAL, VERSION
from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.migration import (
    AdoptSecret,
    DeleteDouble,
    MigratedSecret,
    ReferringPod,
    RunningWorkload,
    SecretMetadata,
)
from harbor_operator.model.namespace import ObservedNamespace, ObservedServiceAccount
from harbor_operator.plan.docker_config import DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, digest_of, encode
from harbor_operator.plan.migration import host_of
from harbor_operator.plan.names import FIELD_MANAGER
from harbor_operator.ports import Refused
from harbor_operator.ports.migration import MigrationApi
from harbor_operator.reasons import Reason

MAX_HOSTS_READ = 1000
"""A Secret with more logins is not migrated."""

INVALID_HOST = "(invalid host)"
"""In place of a key that no host can be; it is not shown, because users decide what it contains."""

_HOST = re.compile(r"[a-z0-9.:*_\[\]-]{1,260}")
_PULL_SECRETS = {"fieldSelector": f"type={DOCKER_CONFIG_TYPE}"}
_NOT_ENDED = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
_PATCH = {"fieldManager": FIELD_MANAGER}


class OwnedMetadata(Metadata, frozen=True):
    """The metadata of an object with its owners as the API holds them, because they are written back."""

    owner_references: list[dict[str, Any]] | None = None


class OwnedObject(PartialObject, frozen=True):
    """A Secret with its owners, with or without its content."""

    metadata: OwnedMetadata = OwnedMetadata()


class PodTemplate(msgspec.Struct, frozen=True):
    """The pods of a workload."""

    spec: PodSpec | None = None


class WorkloadSpec(msgspec.Struct, frozen=True):
    """The desired state of a Deployment, as far as it says whether pods run."""

    replicas: int | None = None
    template: PodTemplate | None = None


class WorkloadObject(PartialObject, frozen=True):
    """A Deployment."""

    spec: WorkloadSpec | None = None


class _DockerConfig(msgspec.Struct, frozen=True):
    """The logins by host; they are skipped, and only the hosts are read."""

    auths: dict[str, msgspec.Raw] = {}


_decode_owned = msgspec.json.Decoder(OwnedObject).decode
_decode_owned_page = msgspec.json.Decoder(Page[OwnedObject]).decode
_decode_workloads = msgspec.json.Decoder(Page[WorkloadObject]).decode
_decode_docker_config = msgspec.json.Decoder(_DockerConfig).decode


class KubernetesMigrationApi(MigrationApi):
    """Reads and writes with one client, whose user must have the rights."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    @override
    async def read_registry(self, namespace: str, name: str) -> Manifest | None:
        ref = ResourceRef(f"{GROUP}/{VERSION}", PLURAL, namespace, name)
        answer = await self._client.send_plain(ApiRequest("get", ref))
        return None if isinstance(answer, NotFound) else _expect(answer, ref)

    @override
    async def list_namespaces(self) -> AsyncGenerator[ObservedNamespace, None]:
        ref = ResourceRef("v1", "namespaces")
        async for item in self._list(ref, OBJECTS.page, accept=METADATA_LIST):
            yield read_namespace(item)

    @override
    async def list_secrets(self, namespace: str = "") -> AsyncGenerator[SecretMetadata, None]:
        ref = ResourceRef("v1", "secrets", namespace)
        async for item in self._list(ref, _decode_owned_page, _PULL_SECRETS, accept=METADATA_LIST):
            yield _metadata(item)

    @override
    async def list_workloads(self) -> AsyncGenerator[RunningWorkload, None]:
        async for item in self._list(ResourceRef("apps/v1", "deployments"), _decode_workloads):
            spec = item.spec or WorkloadSpec()
            pods = (spec.template.spec if spec.template else None) or PodSpec()
            if spec.replicas != 0:
                images = tuple(container.image for container in pods.containers or ())
                yield RunningWorkload(item.metadata.namespace, item.metadata.name, images)

    @override
    async def list_accounts(self, namespace: str) -> AsyncGenerator[ObservedServiceAccount, None]:
        async for item in self._list(ResourceRef("v1", "serviceaccounts", namespace), OBJECTS.page):
            yield read_account(item)

    @override
    async def list_pods(self, namespace: str) -> AsyncGenerator[ReferringPod, None]:
        async for item in self._list(ResourceRef("v1", "pods", namespace), PODS.page, _NOT_ENDED):
            references = (item.spec.image_pull_secrets if item.spec else None) or ()
            yield ReferringPod(item.metadata.name, tuple(reference.name for reference in references))

    @override
    async def read_namespace(self, name: str) -> ObservedNamespace | None:
        ref = ResourceRef("v1", "namespaces", name=name)
        answer = await self._client.send(ApiRequest("get", ref, accept=METADATA_ONLY), decode_partial)
        return None if isinstance(answer, NotFound) else read_namespace(_expect(answer, ref))

    @override
    async def read_secret(self, namespace: str, name: str) -> MigratedSecret | None:
        ref = ResourceRef("v1", "secrets", namespace, name)
        answer = await self._client.send(ApiRequest("get", ref), _decode_owned)
        return None if isinstance(answer, NotFound) else _read_content(_expect(answer, ref))

    @override
    async def adopt_secret(self, action: AdoptSecret, docker_config: SecretStr | None) -> bool:
        metadata: Manifest = {
            "uid": action.uid,
            "resourceVersion": action.revision,
            "labels": dict(action.labels),
            "annotations": dict(action.annotations),
        }
        if action.owners is not None:
            metadata["ownerReferences"] = list(action.owners)
        patch: Manifest = {"metadata": metadata}
        if action.writes_content and docker_config is not None:
            patch["data"] = {DOCKER_CONFIG_KEY: encode(docker_config.get_secret_value())}
        ref = ResourceRef("v1", "secrets", action.namespace, action.name)
        return await self._write(ApiRequest("patch", ref, _PATCH, RequestBody.merge_patch(patch)))

    @override
    async def delete_secret(self, action: DeleteDouble) -> bool:
        preconditions = {"uid": action.uid, "resourceVersion": action.revision}
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions}
        ref = ResourceRef("v1", "secrets", action.namespace, action.name)
        return await self._write(ApiRequest("delete", ref, {}, RequestBody.plain(options)))

    async def _write(self, request: ApiRequest) -> bool:
        answer = await self._client.send(request, decode_partial)
        if isinstance(answer, NotFound | Conflict):
            return False
        _expect(answer, request.ref)
        return True

    async def _list(
        self, ref: ResourceRef, decode: Decode[Page[ObjectT]], params: Params | None = None, *, accept: str = JSON
    ) -> AsyncGenerator[ObjectT, None]:
        pager = Pager(self._client, partial(_list_request, ref, dict(params or {}), accept), decode)
        token = ""
        while True:
            page: Page[ObjectT] = _expect(await pager.read(token), ref)
            for item in page.items or ():
                yield item
            token = page.metadata.continue_token
            if not token:
                return


def _list_request(ref: ResourceRef, given: Params, accept: str, params: Params) -> ApiRequest:
    return ApiRequest("list", ref, {**given, **params}, accept=accept, timeout_seconds=LIST_TIMEOUT_SECONDS)


def _expect(answer: Any, ref: ResourceRef) -> Any:
    if isinstance(answer, ApiError):
        text = f"the API server rejects the request for {ref.describe()}: {answer.code} {answer.message}"
        raise Refused(Reason.INTERNAL_ERROR, text)
    return answer


def _metadata(item: OwnedObject) -> SecretMetadata:
    metadata = item.metadata
    return SecretMetadata(
        metadata.namespace,
        metadata.name,
        metadata.uid,
        metadata.resource_version,
        metadata.labels or {},
        metadata.annotations or {},
        tuple(metadata.owner_references or ()),
        metadata.deletion_timestamp is not None,
    )


def _read_content(item: OwnedObject) -> MigratedSecret:
    is_docker_config = item.type == DOCKER_CONFIG_TYPE
    content = item.data.docker_config if item.data and is_docker_config else ""
    return MigratedSecret(
        _metadata(item), _hosts(content), digest_of(content), not is_docker_config or bool(item.immutable)
    )


def _hosts(encoded: str) -> frozenset[str]:
    try:
        config = _decode_docker_config(base64.b64decode(encoded, validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return frozenset()
    if len(config.auths) > MAX_HOSTS_READ:
        return frozenset()
    return frozenset(host if _HOST.fullmatch(host) else INVALID_HOST for host in map(host_of, config.auths))
