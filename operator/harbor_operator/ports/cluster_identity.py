"""Which cluster this is: what distinguishes equal HarborRegistries of two clusters on one Harbor or object store."""

from __future__ import annotations

from typing import Protocol


class ClusterIdentity(Protocol):
    """The identity of the cluster that the operator runs for."""

    async def read_cluster_id(self) -> str:
        """Returns a text that no other cluster has; always the same one, and never empty.

        Raises Unavailable when the API server does not answer, and Refused(RIGHTS_MISSING) when it refuses to.
        """
        ...
