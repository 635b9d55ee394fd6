"""What `migrate` needs from the API server: bounded lists of what other injectors left, and two writes with a proof."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from pydantic import SecretStr

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


class MigrationApi(Protocol):
    """Access with the rights of the user who migrates; nothing is watched.

    Every call has a deadline, and every list comes in pages. Raises Unavailable when the server does not answer, and
    Refused when it does not allow or accept the request.
    """

    async def read_registry(self, namespace: str, name: str) -> Manifest | None:
        """Returns the HarborRegistry as the API server stores it, or None if there is none."""
        ...

    def list_namespaces(self) -> AsyncGenerator[ObservedNamespace, None]:
        """Yields every Namespace."""
        ...

    def list_secrets(self, namespace: str = "") -> AsyncGenerator[SecretMetadata, None]:
        """Yields the metadata of every Secret of type `kubernetes.io/dockerconfigjson`; no content is read.

        Without a namespace, those of the whole cluster.
        """
        ...

    def list_workloads(self) -> AsyncGenerator[RunningWorkload, None]:
        """Yields every Deployment that is not scaled to zero."""
        ...

    def list_accounts(self, namespace: str) -> AsyncGenerator[ObservedServiceAccount, None]:
        """Yields the service accounts of a namespace."""
        ...

    def list_pods(self, namespace: str) -> AsyncGenerator[ReferringPod, None]:
        """Yields the pods of a namespace that have neither succeeded nor failed."""
        ...

    async def read_namespace(self, name: str) -> ObservedNamespace | None:
        """Returns the Namespace, or None if there is none."""
        ...

    async def read_secret(self, namespace: str, name: str) -> MigratedSecret | None:
        """Returns the Secret with the hosts and the digest of its content, or None if there is none."""
        ...

    async def adopt_secret(self, action: AdoptSecret, docker_config: SecretStr | None) -> bool:
        """Changes exactly the Secret with that uid and revision in one request; False if it has changed meanwhile.

        `docker_config` is the `.dockerconfigjson` text if the action writes the content.
        """
        ...

    async def delete_secret(self, action: DeleteDouble) -> bool:
        """Deletes exactly the Secret with that uid and revision; False if it has changed or is gone."""
        ...
