"""Replication rules in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from typing_extensions import override

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.replications import ObservedReplication, Replication
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_replications import HarborReplications
from harbor_operator.reasons import Reason


class FakeHarborReplications(HarborReplications):
    """Rules by name; `reads` counts the lists that were read."""

    def __init__(self) -> None:
        self.rules: dict[str, ObservedReplication] = {}
        self.reads = 0
        self.writes: list[str] = []

    @override
    async def read_replications(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedReplication]:
        self.reads += 1
        return dict(self.rules)

    @override
    async def create_replication(self, endpoint: HarborEndpoint, desired: Replication) -> None:
        if desired.name in self.rules:
            raise Refused(Reason.REPLICATION_REFUSED, f"replication policy {desired.name} already exists")
        self.rules[desired.name] = ObservedReplication(len(self.rules) + 1, desired)
        self.writes.append(f"create {desired.name}")

    @override
    async def update_replication(
        self, endpoint: HarborEndpoint, observed: ObservedReplication, desired: Replication
    ) -> None:
        self.rules[desired.name] = replace(observed, rule=desired)
        self.writes.append(f"update {desired.name}")
