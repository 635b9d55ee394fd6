"""The identity of the cluster as an attribute."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.ports.cluster_identity import ClusterIdentity


class FakeClusterIdentity(ClusterIdentity):
    """Returns `identity`, or raises `error` if it is set."""

    def __init__(self, identity: str = "cluster-1") -> None:
        self.identity = identity
        self.error: Exception | None = None

    @override
    async def read_cluster_id(self) -> str:
        if self.error is not None:
            raise self.error
        return self.identity
