"""Which pass says in the status that it has handled a request."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.model.outcomes import Blocked, ConditionType, Unknown
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.reconciler import Reconciler
from tests.fakes.cluster_identity import FakeClusterIdentity
from tests.unit.reconciler_fixture import BODY, NOON, RecordedStatuses, Script, ScriptedStep, done

OURS = "harbor-operator.io/reconcile-requested-at"
FLUX = "reconcile.fluxcd.io/requestedAt"
FIRST, SECOND = "2026-11-27T20:00:00Z", "2026-11-27T20:00:01Z"
SPEC = BODY["spec"]


class RequestFixture:
    """A reconciler with one step, over an object as the API server stores it."""

    def __init__(self, script: Script = done) -> None:
        self.statuses = RecordedStatuses()
        self.cluster = FakeClusterIdentity()
        steps = [ScriptedStep(ConditionType.DATABASE, script, [])]
        self.reconciler = Reconciler(steps, self.statuses, lambda: NOON, self.cluster)

    def body(self, spec: dict[str, Any], **annotations: str) -> dict[str, Any]:
        stored = self.statuses.body() if self.statuses.statuses else BODY
        return {**stored, "spec": spec, "metadata": {**stored["metadata"], "annotations": annotations}}

    async def run(self, spec: dict[str, Any] = SPEC, /, **annotations: str) -> str | None:
        """Runs a pass and returns the request that the stored status names."""
        await self.reconciler.reconcile(self.body(spec, **annotations))
        handled: str | None = self.statuses.body()["status"].get("lastHandledReconcileAt")
        return handled


def outcome(found: Unknown | Blocked) -> Script:
    return lambda: found


@pytest.mark.parametrize("key", [OURS, FLUX])
@pytest.mark.parametrize(
    "script",
    [
        done,
        outcome(Unknown(Reason.DATABASE_UNREACHABLE, "down")),
        outcome(Blocked(Reason.DATABASE_OWNED_BY_OTHER, "bob has it")),
    ],
)
async def test_a_pass_names_the_request_that_it_has_handled_whatever_it_found(key: str, script: Script) -> None:
    fixture = RequestFixture(script)
    assert await fixture.run() is None
    assert await fixture.run(**{key: FIRST}) == FIRST
    assert await fixture.run(**{key: SECOND}) == SECOND
    assert len(fixture.statuses.statuses) == 3


async def test_the_next_pass_without_another_request_writes_nothing() -> None:
    fixture = RequestFixture()
    await fixture.run(**{OURS: FIRST})
    assert await fixture.run(**{OURS: FIRST}) == FIRST
    assert await fixture.run() == FIRST
    assert len(fixture.statuses.statuses) == 1


async def test_a_pass_over_an_invalid_spec_has_handled_the_request() -> None:
    fixture = RequestFixture()
    assert await fixture.run({"externalURL": "not a URL"}, **{OURS: FIRST}) == FIRST


async def test_a_suspended_registry_handles_its_request_when_it_is_resumed() -> None:
    """As Flux does: its controllers return before they read the annotation of a suspended object."""
    fixture, suspended = RequestFixture(), {**SPEC, "suspend": True}
    assert await fixture.run(**{OURS: FIRST}) == FIRST
    assert await fixture.run(suspended, **{OURS: SECOND}) == FIRST
    assert await fixture.run(**{OURS: SECOND}) == SECOND


async def test_a_pass_that_ended_before_its_steps_has_not_handled_the_request() -> None:
    fixture = RequestFixture()
    await fixture.run(**{OURS: FIRST})
    fixture.cluster.error = Refused(Reason.RIGHTS_MISSING, "the API server does not allow get namespaces")
    assert await fixture.run(**{OURS: SECOND}) == FIRST


async def test_a_teardown_keeps_the_last_request_and_handles_none() -> None:
    fixture = RequestFixture(outcome(Unknown(Reason.DATABASE_UNREACHABLE, "down")))
    await fixture.run(**{OURS: FIRST})
    await fixture.reconciler.finalize(fixture.body(SPEC, **{OURS: SECOND}))
    assert fixture.statuses.statuses[-1]["lastHandledReconcileAt"] == FIRST
    assert len(fixture.statuses.statuses) == 2


async def test_a_request_whose_status_was_not_written_is_in_the_next_one() -> None:
    fixture = RequestFixture()
    await fixture.run()
    fixture.statuses.down = True
    assert await fixture.run(**{OURS: FIRST}) is None
    fixture.statuses.down = False
    assert await fixture.run(**{OURS: FIRST}) == FIRST
