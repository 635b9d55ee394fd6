"""The little of an object that is decoded for ten thousand namespaces; what is not declared here is skipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec


class _WireStruct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Fields in the spelling of the API; trees without cycles, so the garbage collector need not look at them."""


class Metadata(_WireStruct, frozen=True):
    """Who an object is."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: list[str] | None = None
    deletion_timestamp: str | None = None


class SecretData(_WireStruct, frozen=True):
    """The one key of a pull Secret, as the API holds it."""

    docker_config: str = msgspec.field(name=".dockerconfigjson", default="")


class Reference(_WireStruct, frozen=True):
    """An entry of `imagePullSecrets`."""

    name: str = ""


class PartialObject(_WireStruct, frozen=True):
    """A Namespace, a Secret, a ServiceAccount, or a Status where one of them was asked for."""

    kind: str = ""
    metadata: Metadata = Metadata()
    type: str = ""
    immutable: bool | None = None
    data: SecretData | None = None
    image_pull_secrets: list[Reference] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name; a Namespace lies in itself."""
        return self.metadata.namespace or self.metadata.name, self.metadata.name


class ListMetadata(_WireStruct, frozen=True):
    """Where a list stands."""

    resource_version: str = ""
    rest: str = msgspec.field(name="continue", default="")


class OwnerReference(_WireStruct, frozen=True):
    """Whom an object belongs to."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class PodMetadata(Metadata, frozen=True):
    """Who a pod is, and whose."""

    owner_references: list[OwnerReference] | None = None


class Container(_WireStruct, frozen=True):
    """A container of a pod."""

    name: str = ""
    image: str = ""


class PodSpec(_WireStruct, frozen=True):
    """What a pod asks for."""

    service_account_name: str = ""
    image_pull_secrets: list[Reference] | None = None
    init_containers: list[Container] | None = None
    containers: list[Container] | None = None


class Waiting(_WireStruct, frozen=True):
    """Why a container has not started."""

    reason: str = ""


class ContainerState(_WireStruct, frozen=True):
    """What a container does; only waiting matters here."""

    waiting: Waiting | None = None


class ContainerStatus(_WireStruct, frozen=True):
    """How far a container is."""

    name: str = ""
    state: ContainerState | None = None


class PodStatus(_WireStruct, frozen=True):
    """How far a pod is."""

    init_container_statuses: list[ContainerStatus] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(PartialObject, frozen=True):
    """A Pod, or a Status where one was asked for: its `status` is a word."""

    metadata: PodMetadata = PodMetadata()
    spec: PodSpec | None = None
    status: PodStatus | str | None = None


ObjectT = TypeVar("ObjectT", bound=PartialObject)


class Page(_WireStruct, Generic[ObjectT], frozen=True):
    """One page of a list."""

    metadata: ListMetadata = ListMetadata()
    items: list[ObjectT] | None = None


class Event(_WireStruct, Generic[ObjectT], frozen=True):
    """One line of a watch."""

    type: str
    object: ObjectT


@dataclass(frozen=True, slots=True)
class ResourceDecoder(Generic[ObjectT]):
    """How lists and watches of one sort of object are read."""

    page: Callable[[bytes], Page[ObjectT]]
    event: Callable[[bytes], Event[ObjectT]]


decode_object = msgspec.json.Decoder(dict[str, Any]).decode
decode_partial = msgspec.json.Decoder(PartialObject).decode
OBJECTS = ResourceDecoder(
    msgspec.json.Decoder(Page[PartialObject]).decode, msgspec.json.Decoder(Event[PartialObject]).decode
)
PODS = ResourceDecoder(msgspec.json.Decoder(Page[Pod]).decode, msgspec.json.Decoder(Event[Pod]).decode)
