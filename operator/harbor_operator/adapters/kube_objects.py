"""The little of an object that is decoded for ten thousand namespaces; what is not declared here is skipped."""

from __future__ import annotations

from typing import Any

import msgspec


class _Declared(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Fields in the spelling of the API; trees without cycles, so the garbage collector need not look at them."""


class Metadata(_Declared, frozen=True):
    """Who an object is."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: list[str] | None = None
    deletion_timestamp: str | None = None


class SecretData(_Declared, frozen=True):
    """The one key of a pull Secret, as the API holds it."""

    docker_config: str = msgspec.field(name=".dockerconfigjson", default="")


class Reference(_Declared, frozen=True):
    """An entry of `imagePullSecrets`."""

    name: str = ""


class Thing(_Declared, frozen=True):
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


class ListMetadata(_Declared, frozen=True):
    """Where a list stands."""

    resource_version: str = ""
    rest: str = msgspec.field(name="continue", default="")


class Page(_Declared, frozen=True):
    """One page of a list."""

    metadata: ListMetadata = ListMetadata()
    items: list[Thing] | None = None


class Event(_Declared, frozen=True):
    """One line of a watch."""

    type: str
    object: Thing


decode_object = msgspec.json.Decoder(dict[str, Any]).decode
decode_thing = msgspec.json.Decoder(Thing).decode
decode_page = msgspec.json.Decoder(Page).decode
decode_event = msgspec.json.Decoder(Event).decode
