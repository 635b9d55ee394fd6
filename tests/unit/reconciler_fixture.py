"""Scripted steps, and a status API in memory, for tests of a pass and of a teardown."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from typing_extensions import override

from harbor_operator.api.v1alpha1 import HarborRegistry, Metadata
from harbor_operator.model.outcomes import ConditionType, Done, Outcome
from harbor_operator.ports import Unavailable
from harbor_operator.ports.registry_status import RegistryStatusApi
from tests.fakes.cluster_identity import FakeClusterIdentity

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
CLUSTER = FakeClusterIdentity()
BODY: dict[str, Any] = {
    "metadata": {"name": "cr", "namespace": "intra", "uid": "u-1", "generation": 4, "resourceVersion": "1"},
    "spec": {"externalURL": "https://cr.example.com"},
}
REGISTRY = HarborRegistry.parse(BODY)

Script = Callable[[], Outcome]


def fail(error: Exception) -> Script:
    def act() -> Outcome:
        raise error

    return act


class ScriptedStep:
    """Returns what the script says and records the call."""

    def __init__(
        self,
        condition_type: ConditionType,
        script: Script,
        asked: list[ConditionType],
        depends_on: tuple[ConditionType, ...] = (),
    ) -> None:
        self.condition_type = condition_type
        self.depends_on = depends_on
        self._script = script
        self._asked = asked

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        self._asked.append(self.condition_type)
        return self._script()

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        return await self.reconcile(registry)


class BackgroundStep(ScriptedStep):
    """Also records that its background work was stopped."""

    def suspend(self, registry: HarborRegistry) -> None:
        self._asked.append(self.condition_type)


class RecordedStatuses(RegistryStatusApi):
    """Records what was written; `body` is the object as a watch delivers it."""

    def __init__(self) -> None:
        self.statuses: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.messages: list[str] = []
        self.operator_messages: list[str] = []
        self.terminating = False
        self.down = False
        self.version = 1

    @override
    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> str:
        if self.down:
            raise Unavailable("the API server did not answer")
        self.statuses.append(status)
        self.version += 1
        return str(self.version)

    def body(self) -> dict[str, Any]:
        metadata = {**BODY["metadata"], "resourceVersion": str(self.version)}
        return copy.deepcopy({**BODY, "metadata": metadata, "status": self.statuses[-1]})

    @override
    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        self.events.append(f"{kind} {reason}")
        self.messages.append(message)

    @override
    async def post_operator_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        self.operator_messages.append(message)

    @override
    async def read(self, metadata: Metadata) -> dict[str, Any] | None:
        return self.body()

    @override
    async def is_namespace_terminating(self, namespace: str) -> bool:
        return self.terminating


def done() -> Outcome:
    return Done("ok")
