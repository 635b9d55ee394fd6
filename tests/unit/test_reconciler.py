"""A pass with scripted steps: order, dependencies, exceptions, and a second pass that writes nothing."""

from __future__ import annotations

import copy
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harbor_operator.model.outcomes import Blocked, ConditionType, Done, Facts, Outcome, Pending, StatusWarning, Unknown
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.reconciler import Reconciler, reconcile_steps, requeue_after
from harbor_operator.steps.outcomes import BlockedError
from tests.unit.reconciler_fixture import (
    BODY,
    CLUSTER,
    NOON,
    REGISTRY,
    BackgroundStep,
    RecordedStatuses,
    ScriptedStep,
    done,
    fail,
)


async def test_steps_run_in_order_and_only_when_their_dependencies_are_done() -> None:
    asked: list[ConditionType] = []
    steps = [
        ScriptedStep(ConditionType.DATABASE, lambda: Blocked(Reason.DATABASE_OWNED_BY_OTHER, "bob has it"), asked),
        ScriptedStep(ConditionType.CACHE, done, asked),
        ScriptedStep(ConditionType.RELEASE, done, asked, (ConditionType.DATABASE, ConditionType.CACHE)),
    ]
    outcomes = await reconcile_steps(steps, REGISTRY)
    assert asked == [ConditionType.DATABASE, ConditionType.CACHE]
    release = outcomes[ConditionType.RELEASE]
    assert release.reason == Reason.WAITING_FOR_DEPENDENCY
    assert release.message == "waits for DatabaseReady"


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (Unavailable("down", Reason.DATABASE_UNREACHABLE), Unknown, Reason.DATABASE_UNREACHABLE),
        (Refused(Reason.RIGHTS_MISSING, "no"), Blocked, Reason.RIGHTS_MISSING),
        (BlockedError(Blocked(Reason.SECRET_MISSING, "no")), Blocked, Reason.SECRET_MISSING),
        (KeyError("x"), Unknown, Reason.INTERNAL_ERROR),
    ],
)
async def test_exceptions_become_outcomes(error: Exception, kind: type[Outcome], reason: Reason) -> None:
    outcomes = await reconcile_steps([ScriptedStep(ConditionType.DATABASE, fail(error), [])], REGISTRY)
    assert isinstance(outcomes[ConditionType.DATABASE], kind)
    assert outcomes[ConditionType.DATABASE].reason == reason


async def test_a_secret_in_an_exception_reaches_neither_log_nor_status(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        outcomes = await reconcile_steps(
            [ScriptedStep(ConditionType.DATABASE, fail(ValueError("hunter2")), [])], REGISTRY
        )
    assert "hunter2" not in caplog.text
    assert "ValueError" in caplog.text
    assert "hunter2" not in outcomes[ConditionType.DATABASE].message


async def test_the_second_pass_writes_nothing() -> None:
    written = RecordedStatuses()
    reconciler = Reconciler(
        [ScriptedStep(condition_type, done, []) for condition_type in ConditionType], written, lambda: NOON, CLUSTER
    )
    await reconciler.reconcile(BODY)
    await reconciler.reconcile(BODY)
    assert len(written.statuses) == 1


async def test_the_steps_of_a_pass_run_while_its_connections_are_open() -> None:
    happened: list[str] = []

    @asynccontextmanager
    async def connections() -> AsyncIterator[None]:
        happened.append("open")
        yield
        happened.append("close")

    def act() -> Outcome:
        happened.append("step")
        return done()

    steps = [ScriptedStep(condition_type, act, []) for condition_type in list(ConditionType)[:2]]
    await Reconciler(steps, RecordedStatuses(), lambda: NOON, CLUSTER, connections).reconcile(BODY)
    assert happened == ["open", "step", "step", "close"]


@pytest.mark.parametrize(
    "outcome",
    [
        Done("ok", changes=("set a", "set b")),
        Pending(Reason.WORKLOADS_NOT_READY, "later", changes=("set a", "set b")),
    ],
)
async def test_what_a_step_has_changed_is_one_event(outcome: Outcome) -> None:
    written = RecordedStatuses()
    step = ScriptedStep(ConditionType.CONFIGURATION, lambda: outcome, [])
    await Reconciler([step], written, lambda: NOON, CLUSTER).reconcile(BODY)
    assert written.events[-1] == "Normal ConfigurationChanged"
    assert written.messages[-1] == "Configured: set a; set b"


async def test_a_status_that_was_not_written_is_written_by_the_next_pass() -> None:
    written = RecordedStatuses()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, done, [])], written, lambda: NOON, CLUSTER)
    written.down = True
    await reconciler.reconcile(BODY)
    written.down = False
    await reconciler.reconcile(BODY)
    assert len(written.statuses) == 1


async def test_facts_and_warnings_of_a_blocked_error_reach_the_status() -> None:
    warning = StatusWarning(Reason.SWIFT_SUNSET, "Swift ends")
    blocked = Blocked(Reason.SECRET_MISSING, "create it", Facts(storage_url="https://s3"), (warning,))
    outcomes = await reconcile_steps([ScriptedStep(ConditionType.STORAGE, fail(BlockedError(blocked)), [])], REGISTRY)
    assert outcomes[ConditionType.STORAGE] == blocked


def edit(status: dict[str, Any]) -> None:
    status["conditions"][0]["message"] = "all is well"


def remove(status: dict[str, Any]) -> None:
    del status["conditions"][0]


@pytest.mark.parametrize("change", [edit, remove, dict.clear])
async def test_a_status_that_another_client_changed_is_written_again(change: Callable[[dict[str, Any]], None]) -> None:
    """Finding R16."""
    written = RecordedStatuses()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, done, [])], written, lambda: NOON, CLUSTER)
    await reconciler.reconcile(BODY)
    body = written.body()
    change(body["status"])
    body["metadata"]["resourceVersion"] = "9"
    await reconciler.reconcile(body)
    assert written.statuses[1:] == [written.statuses[0]]


async def test_a_watch_that_lags_behind_the_last_write_causes_no_write() -> None:
    written = RecordedStatuses()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, done, [])], written, lambda: NOON, CLUSTER)
    written.version = 7
    body = copy.deepcopy(BODY)
    body["metadata"]["resourceVersion"] = "7"
    await reconciler.reconcile(body)
    await reconciler.reconcile(body)
    assert len(written.statuses) == 1


async def test_conditions_of_other_clients_and_their_order_cause_no_write() -> None:
    written = RecordedStatuses()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, done, [])], written, lambda: NOON, CLUSTER)
    await reconciler.reconcile(BODY)
    body = written.body()
    foreign = {**body["status"]["conditions"][0], "type": "Audited"}
    body["status"]["conditions"] = [foreign, *reversed(body["status"]["conditions"])]
    await reconciler.reconcile(body)
    assert len(written.statuses) == 1


async def test_an_invalid_spec_names_the_field_and_not_the_value() -> None:
    written = RecordedStatuses()
    body = BODY | {"spec": {"externalURL": "https://cr.example.com", "cache": {"addresses": ["hunter2"]}}}
    await Reconciler([], written, lambda: NOON, CLUSTER).reconcile(body)
    ready = next(item for item in written.statuses[0]["conditions"] if item["type"] == "Ready")
    assert "`spec.cache.addresses.0`" in ready["message"]
    assert "hunter2" not in ready["message"]


async def test_no_step_runs_for_a_suspended_registry() -> None:
    asked: list[ConditionType] = []
    body = BODY | {"spec": {"externalURL": "https://cr.example.com", "suspend": True}}
    await Reconciler(
        [ScriptedStep(ConditionType.DATABASE, done, asked)], RecordedStatuses(), lambda: NOON, CLUSTER
    ).reconcile(body)
    assert asked == []


async def test_background_work_of_a_suspended_registry_stops() -> None:
    asked: list[ConditionType] = []
    body = BODY | {"spec": {"externalURL": "https://cr.example.com", "suspend": True}}
    steps = [ScriptedStep(ConditionType.CACHE, done, asked), BackgroundStep(ConditionType.PULL_SECRETS, done, asked)]
    await Reconciler(steps, RecordedStatuses(), lambda: NOON, CLUSTER).reconcile(body)
    assert asked == [ConditionType.PULL_SECRETS]


@pytest.mark.parametrize(
    ("outcome", "failures", "wait"),
    [
        (Done("ok"), 0, 60),
        (Blocked(Reason.CACHE_IS_CLUSTER, "MOVED"), 0, 60),
        (Pending(Reason.RELEASE_INSTALLING, "helm runs", requeue_after=2), 0, 2),
        (Unknown(Reason.CACHE_UNREACHABLE, "down", requeue_after=5), 1, 5),
        (Unknown(Reason.CACHE_UNREACHABLE, "down", requeue_after=5), 3, 20),
        (Unknown(Reason.CACHE_UNREACHABLE, "down", requeue_after=5), 50, 60),
    ],
)
def test_requeue_after_is_the_shortest_wait(outcome: Outcome, failures: int, wait: float) -> None:
    assert requeue_after({ConditionType.CACHE: outcome}, 60, failures) == wait
