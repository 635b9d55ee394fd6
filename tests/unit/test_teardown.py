"""The teardown of a registry with scripted steps: its order, what ends it, and what it reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typing_extensions import override

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.deletion import REMOVED_WITH_NAMESPACE
from harbor_operator.model.outcomes import Blocked, ConditionType, Done, Outcome, Pending, Unknown
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.reconciler import Reconciler
from harbor_operator.teardown import teardown_steps
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

NO_RIGHTS = Refused(Reason.RIGHTS_MISSING, "the API server does not allow `list` secrets")
CONDITION = {"type": "DatabaseReady", "status": "True", "reason": "Converged", "message": "ok"}
STATUS = {"conditions": [{**CONDITION, "lastTransitionTime": "2026-01-01T11:00:00Z"}]}
USED = BODY | {"status": STATUS}


async def never(registry: HarborRegistry, outcome: Outcome) -> bool:
    return False


async def test_teardown_runs_in_reverse_order_and_stops_at_the_first_step_that_is_not_done() -> None:
    asked: list[ConditionType] = []
    steps = [
        ScriptedStep(ConditionType.DATABASE, done, asked),
        ScriptedStep(ConditionType.RELEASE, lambda: Pending(Reason.RELEASE_UNINSTALLING, "helm runs"), asked),
        ScriptedStep(ConditionType.PULL_SECRETS, done, asked),
    ]
    await teardown_steps(steps, REGISTRY, never)
    assert asked == [ConditionType.PULL_SECRETS, ConditionType.RELEASE]


async def test_the_end_of_a_teardown_is_reported_in_an_event() -> None:
    written = RecordedStatuses()
    step = ScriptedStep(ConditionType.DATABASE, lambda: Done("database 'registry' is retained"), [])
    assert await Reconciler([step], written, lambda: NOON, CLUSTER).finalize(BODY) is None
    assert written.messages == ["teardown finished: DatabaseReady: database 'registry' is retained"]


async def test_finalize_returns_what_remains() -> None:
    script: Iterator[Outcome] = iter([Pending(Reason.PULL_SECRETS_CLEANING_UP, "3 namespaces left"), Done("gone")])
    step = ScriptedStep(ConditionType.PULL_SECRETS, lambda: next(script), [])
    reconciler = Reconciler([step], RecordedStatuses(), lambda: NOON, CLUSTER)
    assert await reconciler.finalize(BODY) == "PullSecretsReady: 3 namespaces left"
    assert await reconciler.finalize(BODY) is None


@pytest.mark.parametrize("reason", sorted(REMOVED_WITH_NAMESPACE))
async def test_a_terminating_namespace_waits_for_nothing_that_it_removed(reason: Reason) -> None:
    """Finding R2: rights, service accounts and Secrets of the namespace cannot be created in it again."""
    written = RecordedStatuses()
    written.terminating = True
    lost = ScriptedStep(ConditionType.RELEASE, fail(Refused(reason, "it does not exist")), [])
    assert await Reconciler([lost], written, lambda: NOON, CLUSTER).finalize(USED) is None


async def test_a_terminating_namespace_does_not_wait_for_what_it_has_removed(caplog: pytest.LogCaptureFixture) -> None:
    """Finding R2: the finalizer waited for rights that the deletion of the namespace had removed."""
    asked: list[ConditionType] = []
    steps = [
        ScriptedStep(ConditionType.DATABASE, done, asked),
        ScriptedStep(ConditionType.RELEASE, fail(NO_RIGHTS), asked),
    ]
    written = RecordedStatuses()
    reconciler = Reconciler(steps, written, lambda: NOON, CLUSTER)
    remaining = await reconciler.finalize(USED)
    assert remaining
    assert "does not allow `list` secrets" in remaining
    written.terminating = True
    assert await reconciler.finalize(USED) is None
    assert asked == [ConditionType.RELEASE, ConditionType.RELEASE, ConditionType.DATABASE]
    (message,) = written.operator_messages
    assert "ReleaseReady: not undone: the API server does not allow `list` secrets" in message
    assert "teardown finished: ReleaseReady: not undone" in caplog.text


async def test_a_terminating_namespace_waits_for_what_it_does_not_remove() -> None:
    """Finding R2: only missing rights and Secrets of the namespace end the teardown of a step."""
    written = RecordedStatuses()
    written.terminating = True
    left = Pending(Reason.PULL_SECRETS_CLEANING_UP, "3 namespaces left")
    step = ScriptedStep(ConditionType.PULL_SECRETS, lambda: left, [])
    assert (
        await Reconciler([step], written, lambda: NOON, CLUSTER).finalize(USED) == "PullSecretsReady: 3 namespaces left"
    )


async def test_a_registry_that_never_had_rights_is_deleted_at_once() -> None:
    """Finding R2: a registry in a namespace without the RoleBinding has created nothing, and could not be deleted."""
    written = RecordedStatuses()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, fail(NO_RIGHTS), [])], written, lambda: NOON, CLUSTER)
    await reconciler.reconcile(BODY)
    assert written.statuses[-1]["untouched"] is True
    assert await reconciler.finalize(written.body()) is None
    assert written.operator_messages == []


async def test_a_registry_that_lost_its_rights_is_not_deleted_silently() -> None:
    """Finding R2: outside of a terminating namespace, the RoleBinding can be created again."""
    written = RecordedStatuses()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, fail(NO_RIGHTS), [])], written, lambda: NOON, CLUSTER)
    await reconciler.reconcile(USED)
    assert "untouched" not in written.statuses[-1]
    remaining = await reconciler.finalize(written.body())
    assert remaining
    assert 'set the annotation `harbor-operator.io/abandon: "true"`' in remaining


@pytest.mark.parametrize(
    "outcome", [Unknown(Reason.DATABASE_UNREACHABLE, "down"), Blocked(Reason.DATABASE_CREDENTIALS_REJECTED, "no")]
)
async def test_the_condition_of_a_stuck_deletion_has_the_last_message_and_the_way_out(outcome: Outcome) -> None:
    """Finding R12: the message of the last step was never shown."""
    written = RecordedStatuses()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, lambda: outcome, [])], written, lambda: NOON, CLUSTER)
    await reconciler.finalize(USED)
    await reconciler.finalize(written.body())
    (status,) = written.statuses
    (condition,) = [item for item in status["conditions"] if item["type"] == "DatabaseReady"]
    assert condition["message"].startswith(f"{outcome.message}; to end the deletion without this step")


FULL_SPEC: dict[str, Any] = {
    "externalURL": "https://cr.example.com",
    "release": {"version": "1.19.1"},
    "database": {"host": "pg", "adminSecretRef": {"name": "pg"}},
    "pullSecrets": {"credential": {"robot": {}}},
    "deletionPolicy": {"database": "Delete"},
}


async def test_an_abandoned_registry_ends_and_an_event_lists_what_can_remain(caplog: pytest.LogCaptureFixture) -> None:
    """Finding R2: there was no way out of a deletion that could not end."""
    asked: list[ConditionType] = []
    written = RecordedStatuses()
    metadata = {**BODY["metadata"], "annotations": {"harbor-operator.io/abandon": "true"}}
    body = {"metadata": metadata, "spec": FULL_SPEC, "status": STATUS}
    step = BackgroundStep(ConditionType.PULL_SECRETS, fail(NO_RIGHTS), asked)
    assert await Reconciler([step], written, lambda: NOON, CLUSTER).finalize(body) is None
    assert asked == [ConditionType.PULL_SECRETS], "only the background work is stopped"
    assert written.events == ["Warning Abandoned"]
    (message,) = written.operator_messages
    for remaining in (
        "Secrets 'harbor-pull' with the label 'harbor-operator.io/registry-uid=u-1' in all namespaces",
        "robots 'intra-cr-pull-a222a995*' in Harbor",
        "Helm release 'cr' in namespace 'intra'",
        "databases 'registry' and role 'harbor_intra_cr_a222a995' (an earlier version named it 'harbor_intra_cr')",
        "Secrets 'hreg-cr-*' in namespace 'intra'",
    ):
        assert remaining in message
    assert message in caplog.text


@pytest.mark.parametrize("value", ["false", "yes", ""])
async def test_only_the_value_true_abandons(value: str) -> None:
    """Finding R2: the annotation never takes effect by accident."""
    metadata = {**BODY["metadata"], "annotations": {"harbor-operator.io/abandon": value}}
    step = ScriptedStep(ConditionType.DATABASE, fail(NO_RIGHTS), [])
    remaining = await Reconciler([step], RecordedStatuses(), lambda: NOON, CLUSTER).finalize(
        USED | {"metadata": metadata}
    )
    assert remaining


class SpecStep(ScriptedStep):
    """Keeps the registries that it gets."""

    def __init__(self) -> None:
        super().__init__(ConditionType.PULL_SECRETS, done, [])
        self.registries: list[HarborRegistry] = []

    @override
    async def teardown(self, registry: HarborRegistry) -> Outcome:
        self.registries.append(registry)
        return Done("gone")


async def test_an_invalid_spec_is_torn_down_by_the_status_and_retains_all_data() -> None:
    """Finding R10: the deletion of a registry with an invalid spec removed nothing."""
    step = SpecStep()
    spec = FULL_SPEC | {"pullSecrets": {"credential": {}}, "deletionPolicy": {"database": "Delete", "storage": "All"}}
    injected = {"secretName": "old-pull", "serviceAccounts": ["default"]}
    body = {"metadata": BODY["metadata"], "spec": spec, "status": {**STATUS, "pullSecrets": injected}}
    assert await Reconciler([step], RecordedStatuses(), lambda: NOON, CLUSTER).finalize(body) is None
    (registry,) = step.registries
    assert registry.observed.secret_name == "old-pull"
    assert registry.spec.pull_secrets is None
    assert registry.spec.release is not None
    policies = registry.spec.deletion_policy
    assert (policies.release, policies.database, policies.storage) == ("Retain", "Retain", "Retain")
    assert policies.pull_secrets == "Delete"


@pytest.mark.parametrize(
    "spec", [{}, {"externalURL": 1}, {"externalURL": "https://cr.example.com", "nonsense": 1}, None]
)
async def test_every_invalid_spec_can_be_deleted(spec: Any) -> None:
    """Finding R10: whatever the spec contains, the deletion ends."""
    step = SpecStep()
    body = {"metadata": BODY["metadata"], "spec": spec, "status": {"pullSecrets": {"rotatedAt": "never"}}}
    assert await Reconciler([step], RecordedStatuses(), lambda: NOON, CLUSTER).finalize(body) is None
    assert len(step.registries) == 1


async def test_a_registry_that_no_longer_exists_has_no_background_work() -> None:
    """Finding R10: the injection for a registry without a teardown continued."""
    asked: list[ConditionType] = []
    step = BackgroundStep(ConditionType.PULL_SECRETS, done, asked)
    Reconciler([step], RecordedStatuses(), lambda: NOON, CLUSTER).forget(BODY | {"spec": {"externalURL": 1}})
    assert asked == [ConditionType.PULL_SECRETS]


async def test_an_abandoned_deletion_names_the_storages_of_a_migration() -> None:
    written = RecordedStatuses()
    metadata = {**BODY["metadata"], "annotations": {"harbor-operator.io/abandon": "true"}}
    s3 = {"endpoint": "https://s3.example.com", "credentialsSecretRef": {"name": "s3"}}
    migration = {"to": {"s3": {**s3, "bucket": "images"}}}
    spec = FULL_SPEC | {"storage": {"s3": {**s3, "bucket": "harbor"}, "migration": migration}}

    assert await Reconciler([], written, lambda: NOON, CLUSTER).finalize({"metadata": metadata, "spec": spec}) is None

    (message,) = written.operator_messages
    assert "bucket 'harbor' at 'https://s3.example.com'" in message
    assert "what a migration has copied to bucket 'images' at 'https://s3.example.com'" in message
