"""The fields that are decoded of the objects of ten thousand namespaces; undeclared fields are skipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec


class _WireStruct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Fields in the spelling of the API; trees without cycles, which the garbage collector need not traverse."""


class Metadata(_WireStruct, frozen=True):
    """The identity of an object, and what the operator reads of its metadata."""

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
    """A Namespace, a Secret, a ServiceAccount, or a Status in place of one."""

    kind: str = ""
    metadata: Metadata = Metadata()
    type: str = ""
    immutable: bool | None = None
    data: SecretData | None = None
    image_pull_secrets: list[Reference] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name; the namespace of a Namespace is its own name."""
        return self.metadata.namespace or self.metadata.name, self.metadata.name


class ListMetadata(_WireStruct, frozen=True):
    """The position of a page in its list."""

    resource_version: str = ""
    continue_token: str = msgspec.field(name="continue", default="")


class OwnerReference(_WireStruct, frozen=True):
    """The owner of an object."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class PodMetadata(Metadata, frozen=True):
    """The identity of a pod, and its owners."""

    owner_references: list[OwnerReference] | None = None


class VolumeMount(_WireStruct, frozen=True):
    """The use of a volume in a container."""

    name: str = ""


class Container(_WireStruct, frozen=True):
    """A container of a pod."""

    name: str = ""
    image: str = ""
    volume_mounts: list[VolumeMount] | None = None


class ImageVolume(_WireStruct, frozen=True):
    """The image that is mounted as a volume (KEP-4639)."""

    reference: str = ""


class Volume(_WireStruct, frozen=True):
    """A volume of a pod."""

    name: str = ""
    image: ImageVolume | None = None


class PodSpec(_WireStruct, frozen=True):
    """The desired state of a pod, as far as images and pull Secrets go."""

    service_account_name: str = ""
    image_pull_secrets: list[Reference] | None = None
    init_containers: list[Container] | None = None
    containers: list[Container] | None = None
    volumes: list[Volume] | None = None


class Waiting(_WireStruct, frozen=True):
    """Why a container has not started; `message` names the image that was not pulled."""

    reason: str = ""
    message: str = ""


class ContainerState(_WireStruct, frozen=True):
    """The state of a container; only waiting matters here."""

    waiting: Waiting | None = None


class ContainerStatus(_WireStruct, frozen=True):
    """The observed state of a container."""

    name: str = ""
    state: ContainerState | None = None


class PodStatus(_WireStruct, frozen=True):
    """The observed state of a pod."""

    init_container_statuses: list[ContainerStatus] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(PartialObject, frozen=True):
    """A Pod, or a Status in place of one: its `status` is a string."""

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
    """Decodes the lists and watches of one kind of object."""

    page: Callable[[bytes], Page[ObjectT]]
    event: Callable[[bytes], Event[ObjectT]]


decode_object = msgspec.json.Decoder(dict[str, Any]).decode
decode_partial = msgspec.json.Decoder(PartialObject).decode
OBJECTS = ResourceDecoder(
    msgspec.json.Decoder(Page[PartialObject]).decode, msgspec.json.Decoder(Event[PartialObject]).decode
)
PODS = ResourceDecoder(msgspec.json.Decoder(Page[Pod]).decode, msgspec.json.Decoder(Event[Pod]).decode)
