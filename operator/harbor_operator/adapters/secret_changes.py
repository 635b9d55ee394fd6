"""The SecretChanges port: a reflector on the Secrets of one namespace that asks for metadata only."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from typing_extensions import override

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import OBJECTS
from harbor_operator.adapters.reflector import Appeared, Disappeared, Listed, Reflector, Resource, WatchOptions
from harbor_operator.model.kubernetes import SecretChange
from harbor_operator.ports.secret_changes import SecretChanges


class KubernetesSecretChanges(SecretChanges):
    """One list-watch per call of `watch`, as PartialObjectMetadata: the API server sends no payload."""

    def __init__(self, http: KubernetesClient, policy: WatchOptions) -> None:
        self._http = http
        self._policy = policy

    @override
    async def watch(self, namespace: str) -> AsyncGenerator[SecretChange, None]:
        path = f"/api/v1/namespaces/{namespace}/secrets"
        reflector = Reflector(self._http, Resource(path, OBJECTS, metadata_only=True), self._policy)
        known: set[str] = set()
        async with aclosing(reflector.news()) as events:
            async for event in events:
                match event:
                    case Appeared(thing):
                        known.add(thing.metadata.name)
                        yield SecretChange(namespace, thing.metadata.name, thing.metadata.resource_version)
                    case Disappeared(thing):
                        known.discard(thing.metadata.name)
                        yield SecretChange(namespace, thing.metadata.name, "")
                    case Listed(_, keys):
                        # Deleted while no watch was open: a list names only what is left.
                        for name in known - {name for _, name in keys}:
                            yield SecretChange(namespace, name, "")
                        known = {name for _, name in keys}
                    case _:
                        pass
