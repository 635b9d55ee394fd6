"""The replication rules of a Harbor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.replications import ObservedReplication, Replication


class HarborReplications(Protocol):
    """The replication rules; raises as the port `Harbor` does, with REPLICATION_REFUSED."""

    async def read_replications(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedReplication]:
        """Returns every replication rule by name; one request for each hundred."""
        ...

    async def create_replication(self, endpoint: HarborEndpoint, desired: Replication) -> None:
        """Creates the rule; raises Refused if there is one of that name."""
        ...

    async def update_replication(
        self, endpoint: HarborEndpoint, observed: ObservedReplication, desired: Replication
    ) -> None:
        """Sets the rule, and keeps the settings that it does not name. Idempotent."""
        ...
