"""The SecretChanges port: a reflector on the Secrets of one namespace that asks for metadata only."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from typing_extensions import override

from harbor_operator.adapters.kube_api import ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import OBJECTS, PartialObject
from harbor_operator.adapters.reflector import Reflector, WatchedResource, WatchOptions
from harbor_operator.model.kubernetes import SecretChange
from harbor_operator.model.watch import Deleted, Heartbeat, Synced
from harbor_operator.ports.secret_changes import SecretChanges


class KubernetesSecretChanges(SecretChanges):
    """One list-watch per call, as PartialObjectMetadata: the API server sends no payload."""

    def __init__(self, client: KubernetesClient, options: WatchOptions) -> None:
        self._client = client
        self._options = options

    @override
    async def changes(self, namespace: str) -> AsyncGenerator[SecretChange, None]:
        resource = WatchedResource(ResourceRef("v1", "secrets", namespace), OBJECTS, metadata_only=True)
        known: set[str] = set()
        async with aclosing(Reflector(self._client, resource, _change, self._options).events()) as events:
            async for event in events:
                match event:
                    case SecretChange():
                        known.add(event.name)
                        yield event
                    case Deleted():
                        known.discard(event.name)
                        yield SecretChange(namespace, event.name, "")
                    case Synced():
                        # Deleted while no watch was open: a list names only what is left.
                        present = {name for _, name in event.keys}
                        for name in known - present:
                            yield SecretChange(namespace, name, "")
                        known = present
                    case Heartbeat():
                        pass


def _change(secret: PartialObject) -> SecretChange:
    metadata = secret.metadata
    return SecretChange(metadata.namespace, metadata.name, metadata.resource_version)
