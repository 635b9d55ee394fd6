"""A pass with scripted steps: order, needs, exceptions, and a second pass that writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry, Metadata
from harbor_operator.model.outcomes import Blocked, ConditionType, Done, Outcome, Pending, Unknown
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.reconciler import Reconciler, reconcile_steps, requeue_after, teardown_steps

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
BODY: dict[str, Any] = {
    "metadata": {"name": "cr", "namespace": "intra", "uid": "u-1", "generation": 4},
    "spec": {"externalURL": "https://cr.example.com"},
}
REGISTRY = HarborRegistry.parse(BODY)

Script = Callable[[], Outcome]


def fail(error: Exception) -> Script:
    def act() -> Outcome:
        raise error

    return act


class ScriptedStep:
    """Answers as told and remembers that it was asked."""

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


class WrittenRegistries:
    """Remembers what was written."""

    def __init__(self) -> None:
        self.statuses: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.down = False
        self.terminating = False

    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> None:
        if self.down:
            raise Unavailable("the API server did not answer")
        self.statuses.append(status)

    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        self.events.append(f"{kind} {reason}")

    async def is_namespace_terminating(self, namespace: str) -> bool:
        return self.terminating


def done() -> Outcome:
    return Done("ok")


async def never(registry: HarborRegistry, outcome: Outcome) -> bool:
    return False


async def test_steps_run_in_order_and_only_when_their_needs_are_done() -> None:
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


async def test_dismantling_goes_backwards_and_stops_where_it_must_wait() -> None:
    asked: list[ConditionType] = []
    steps = [
        ScriptedStep(ConditionType.DATABASE, done, asked),
        ScriptedStep(ConditionType.RELEASE, lambda: Pending(Reason.RELEASE_UNINSTALLING, "helm runs"), asked),
        ScriptedStep(ConditionType.PULL_SECRETS, done, asked),
    ]
    await teardown_steps(steps, REGISTRY, never)
    assert asked == [ConditionType.PULL_SECRETS, ConditionType.RELEASE]


async def test_the_second_pass_writes_nothing() -> None:
    written = WrittenRegistries()
    reconciler = Reconciler(
        [ScriptedStep(condition_type, done, []) for condition_type in ConditionType], written, lambda: NOON
    )
    await reconciler.result(BODY)
    await reconciler.result(BODY)
    assert len(written.statuses) == 1


async def test_a_status_that_was_not_written_is_written_by_the_next_pass() -> None:
    written = WrittenRegistries()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, done, [])], written, lambda: NOON)
    written.down = True
    await reconciler.result(BODY)
    written.down = False
    await reconciler.result(BODY)
    assert len(written.statuses) == 1


async def test_a_spec_that_does_not_parse_names_the_field_and_not_the_value() -> None:
    written = WrittenRegistries()
    body = BODY | {"spec": {"externalURL": "https://cr.example.com", "cache": {"addresses": ["hunter2"]}}}
    await Reconciler([], written, lambda: NOON).result(body)
    ready = next(item for item in written.statuses[0]["conditions"] if item["type"] == "Ready")
    assert "`spec.cache.addresses.0`" in ready["message"]
    assert "hunter2" not in ready["message"]


async def test_a_suspended_registry_is_left_alone() -> None:
    asked: list[ConditionType] = []
    body = BODY | {"spec": {"externalURL": "https://cr.example.com", "suspend": True}}
    await Reconciler([ScriptedStep(ConditionType.DATABASE, done, asked)], WrittenRegistries(), lambda: NOON).result(
        body
    )
    assert asked == []


class RestingStep(ScriptedStep):
    def suspend(self, registry: HarborRegistry) -> None:
        self._asked.append(self.condition_type)


async def test_a_suspended_registry_has_nobody_act_between_passes() -> None:
    asked: list[ConditionType] = []
    body = BODY | {"spec": {"externalURL": "https://cr.example.com", "suspend": True}}
    steps = [ScriptedStep(ConditionType.CACHE, done, asked), RestingStep(ConditionType.PULL_SECRETS, done, asked)]
    await Reconciler(steps, WrittenRegistries(), lambda: NOON).result(body)
    assert asked == [ConditionType.PULL_SECRETS]


async def test_leaving_says_what_is_in_the_way() -> None:
    script: Iterator[Outcome] = iter([Pending(Reason.PULL_SECRETS_CLEANING_UP, "3 namespaces left"), Done("gone")])
    step = ScriptedStep(ConditionType.PULL_SECRETS, lambda: next(script), [])
    reconciler = Reconciler([step], WrittenRegistries(), lambda: NOON)
    assert await reconciler.finalize(BODY) == "PullSecretsReady: 3 namespaces left"
    assert await reconciler.finalize(BODY) is None


async def test_a_terminating_namespace_does_not_wait_for_what_it_removed_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[ConditionType] = []
    missing = Refused(Reason.RELEASE_SERVICE_ACCOUNT_MISSING, "ServiceAccount 'harbor-release' does not exist")
    steps = [
        ScriptedStep(ConditionType.DATABASE, done, asked),
        ScriptedStep(ConditionType.RELEASE, fail(missing), asked),
    ]
    written = WrittenRegistries()
    reconciler = Reconciler(steps, written, lambda: NOON)
    waiting = await reconciler.finalize(BODY)
    assert waiting
    assert "'harbor-release' does not exist" in waiting
    written.terminating = True
    assert await reconciler.finalize(BODY) is None
    assert asked == [ConditionType.RELEASE, ConditionType.RELEASE, ConditionType.DATABASE]
    assert "ReleaseReady of intra/cr is not undone: ServiceAccount 'harbor-release'" in caplog.text


async def test_a_terminating_namespace_waits_for_what_it_does_not_remove() -> None:
    left = Pending(Reason.PULL_SECRETS_CLEANING_UP, "3 namespaces left")
    written = WrittenRegistries()
    written.terminating = True
    step = ScriptedStep(ConditionType.PULL_SECRETS, lambda: left, [])
    assert await Reconciler([step], written, lambda: NOON).finalize(BODY) == "PullSecretsReady: 3 namespaces left"


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
def test_the_next_look_is_data(outcome: Outcome, failures: int, wait: float) -> None:
    assert requeue_after({ConditionType.CACHE: outcome}, 60, failures) == wait
