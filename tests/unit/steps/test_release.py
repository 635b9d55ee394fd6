from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harbor_operator.checks.chart_sources import chart_not_obtained
from harbor_operator.model.kubernetes import Workload
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Pending
from harbor_operator.plan import names
from harbor_operator.plan.release import MAX_REPEATED_UPGRADES, unwrap_secrets
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.release import ReleaseStep
from tests.fakes.helm import FakeHelm
from tests.fakes.release import NAMESPACE, STORAGE_PASSWORD, generator
from tests.fakes.release_fixture import READY, ReleaseFixture


@pytest.fixture
def cr() -> ReleaseFixture:
    return ReleaseFixture()


async def test_a_registry_without_a_release_is_not_requested(cr: ReleaseFixture) -> None:
    cr.spec(release=None)
    assert await cr.reconcile() == await cr.teardown() == NOT_REQUESTED
    assert cr.kube.writes == []


def test_depends_on_the_backends_of_harbor(cr: ReleaseFixture) -> None:
    assert cr.step.condition_type is ConditionType.RELEASE
    assert cr.step.depends_on == (ConditionType.DATABASE, ConditionType.CACHE, ConditionType.STORAGE)


async def test_absent_release_is_installed_and_becomes_done(cr: ReleaseFixture) -> None:
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING
    assert cr.helm.started == ["upgrade intra/cr"]

    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING

    cr.finish()
    cr.workloads(Workload("Deployment", "cr-harbor-core", 1, 0, 1, observed=True, failure="image cannot be pulled"))
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY
    assert "'cr-harbor-core': 0 of 1 ready (image cannot be pulled)" in outcome.message

    cr.workloads(*READY)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Done)
    assert outcome.facts.chart_version == "1.19.1"
    assert outcome.facts.harbor_version == "2.15.1"
    assert outcome.facts.release_revision == 1


async def test_second_pass_writes_nothing_and_runs_nothing(cr: ReleaseFixture) -> None:
    await cr.deployed()
    assert isinstance(await cr.reconcile(), Done)
    cr.kube.writes.clear()
    cr.helm.started.clear()
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.writes == []
    assert cr.helm.started == []
    assert len(cr.revisions()) == 1


async def test_a_failure_is_reported_and_retried_with_back_off(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    waits = []
    for _ in range(4):
        cr.finish("Error: UPGRADE FAILED: no luck")
        outcome = await cr.reconcile()
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.RELEASE_FAILED
        assert "no luck" in outcome.message
        waits.append(outcome.requeue_after)
        cr.now += timedelta(seconds=outcome.requeue_after + 1)
        outcome = await cr.reconcile()
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.RELEASE_INSTALLING
    assert waits == [10.0, 20.0, 40.0, 80.0]
    cr.finish()
    cr.workloads(*READY)
    assert isinstance(await cr.reconcile(), Done)


async def test_any_change_is_allowed_until_harbor_has_run(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    cr.finish("Error: INSTALLATION FAILED: no luck")
    cr.spec("1.18.4", storage={"filesystem": {"size": "1Gi"}})
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING


async def test_a_failure_without_a_revision_is_retried_with_back_off_too(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    cr.finish(cause=chart_not_obtained("'https://x' (chart 'harbor')", "no such host"))
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.CHART_UNAVAILABLE
    assert "no such host" in outcome.message
    assert cr.helm.started == ["upgrade intra/cr"]
    cr.now += timedelta(seconds=11)
    await cr.reconcile()
    assert len(cr.helm.started) == 2


async def test_failures_are_remembered_across_a_restart(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    for _ in range(2):
        cr.finish("Error: UPGRADE FAILED: no luck")
        cr.now += timedelta(seconds=60)
        await cr.reconcile()
    cr.finish(f"Error: UPGRADE FAILED: no luck with {STORAGE_PASSWORD}")
    cr.helm = FakeHelm(cr.kube, lambda: cr.now)
    cr.step = ReleaseStep(cr.kube, cr.postgres, cr.helm, generator(), lambda: cr.now)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.requeue_after == pytest.approx(40, abs=1)
    assert "no luck with ***" in outcome.message
    assert cr.helm.started == []


async def test_another_digest_is_tried_at_once_after_a_failure(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    cr.finish("Error: INSTALLATION FAILED: no luck")
    cr.spec(release={"version": "1.19.1", "values": {"logLevel": "debug"}})
    await cr.reconcile()
    assert len(cr.helm.started) == 2


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"])
async def test_a_recent_lock_stays_and_an_old_one_is_cleared(cr: ReleaseFixture, status: str) -> None:
    cr.helm.write_revision(await cr.desired(), status)
    cr.kube.writes.clear()
    cr.now += timedelta(seconds=599)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_LOCKED
    assert cr.kube.writes == []

    cr.now += timedelta(seconds=10)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_LOCKED
    assert "is cleared" in outcome.message
    assert cr.kube.writes == ["patch intra/sh.helm.release.v1.cr.v1"]
    assert cr.kube.secrets[NAMESPACE, "sh.helm.release.v1.cr.v1"].labels["status"] == "failed"
    assert cr.helm.started == []

    await cr.reconcile()
    cr.finish()
    cr.workloads(*READY)
    assert isinstance(await cr.reconcile(), Done)


async def test_a_lock_is_not_cleared_while_our_own_run_is_in_progress(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    cr.helm.write_revision(await cr.desired(), "pending-install")
    cr.kube.writes.clear()
    cr.now += timedelta(hours=5)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING
    assert cr.kube.writes == []


async def test_a_foreign_release_is_refused(cr: ReleaseFixture) -> None:
    cr.helm.write_revision(await cr.desired(), "deployed", labels={})
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RELEASE_FOREIGN
    assert cr.helm.started == []


async def test_an_upgrade_by_hand_is_reverted(cr: ReleaseFixture) -> None:
    await cr.deployed()
    desired = await cr.desired()
    cr.helm.write_revision(
        desired, "deployed", config={**unwrap_secrets(desired.values), "externalURL": "https://by.hand"}
    )
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_UPGRADING


@pytest.mark.parametrize(
    ("version", "spec", "reason"),
    [
        ("1.16.4", {}, Reason.UPGRADE_REFUSED),
        ("1.19.3", {}, Reason.CHART_VERSION_REFUSED),
        ("1.99.0", {}, Reason.SWIFT_UNSUPPORTED),
        ("1.99.0", {"storage": None}, Reason.CHART_VERSION_UNKNOWN),
        ("1.19.1", {"storage": {"filesystem": {"size": "1Gi"}}}, Reason.STORAGE_TYPE_CHANGED),
        ("1.19.1", {"release": {"version": "1.19.1", "values": {"secretKey": "x"}}}, Reason.VALUES_INVALID),
        ("1.19.1", {"release": {"version": "1.19.1", "values": {"redis": {"type": "x"}}}}, Reason.VALUES_CONFLICT),
    ],
)
async def test_refused_changes_are_blocked_and_write_nothing(
    cr: ReleaseFixture, version: str, spec: dict[str, Any], reason: Reason
) -> None:
    await cr.deployed()
    cr.helm.started.clear()
    cr.kube.writes.clear()
    cr.kube.put(NAMESPACE, "swift", {"username": "harbor:registry", "password": "another-Secret-Key-2"})
    cr.spec(version, **spec)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert cr.helm.started == []
    assert cr.kube.writes == []


async def test_a_refused_chart_version_writes_nothing(cr: ReleaseFixture) -> None:
    cr.spec("1.99.0")
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert cr.kube.writes == []


async def test_upgrades_with_one_digest_that_never_match_end(cr: ReleaseFixture) -> None:
    await cr.deployed()
    desired = await cr.desired()
    stored_otherwise = {**unwrap_secrets(desired.values), "logLevel": 7}
    for _ in range(1 + MAX_REPEATED_UPGRADES):
        cr.helm.write_revision(desired, "deployed", config=stored_otherwise)
        assert (await cr.reconcile()).reason is Reason.RELEASE_UPGRADING
        cr.helm.interrupt(NAMESPACE, "cr")
    cr.helm.started.clear()
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RELEASE_FAILED
    assert "differ at `logLevel`" in outcome.message
    assert cr.helm.started == []
    cr.helm.write_revision(desired, "deployed")
    assert isinstance(await cr.reconcile(), Done)


async def test_the_payload_of_another_owner_is_not_read(cr: ReleaseFixture) -> None:
    cr.kube.put(NAMESPACE, "sh.helm.release.v1.cr.v1", {"release": "x"}, {"owner": "helm", "name": "cr"})
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RELEASE_FOREIGN


async def test_unavailable_server_passes_through(cr: ReleaseFixture) -> None:
    cr.kube.down = True
    with pytest.raises(Unavailable):
        await cr.reconcile()


async def test_unreadable_release_is_named(cr: ReleaseFixture) -> None:
    labels = {"owner": "helm", "name": "cr", "status": "deployed", **names.owner_labels(cr.registry)}
    cr.kube.put(NAMESPACE, "sh.helm.release.v1.cr.v1", {"release": "hush"}, labels)
    with pytest.raises(Refused, match=r"'sh\.helm\.release\.v1\.cr\.v1'"):
        await cr.reconcile()


async def test_a_queued_run_is_reported_as_queued(cr: ReleaseFixture) -> None:
    """Finding R13."""
    cr.helm.queued = True
    for _ in range(2):
        outcome = await cr.reconcile()
        assert outcome.reason is Reason.RELEASE_INSTALLING
        assert "is queued since 12:00:00 UTC" in outcome.message
    assert "is queued" in (await cr.teardown()).message
    cr.helm.queued = False
    assert "is in progress since" in (await cr.reconcile()).message


async def test_a_workload_scaled_to_0_is_not_counted_as_ready(cr: ReleaseFixture) -> None:
    """Finding R20."""
    await cr.deployed()
    stopped = Workload("Deployment", "cr-harbor-core", 0, 0, 0, observed=True)
    cr.workloads(stopped, Workload("Deployment", "cr-harbor-portal", 1, 1, 1, observed=True))
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY
    assert "'cr-harbor-core' is scaled to 0" in outcome.message


async def test_many_late_workloads_are_summed_up(cr: ReleaseFixture) -> None:
    await cr.deployed()
    cr.workloads(*(Workload("Deployment", f"w{n}", 1, 0, 0, observed=True) for n in range(8)))
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.message.endswith("and 3 more")
    cr.workloads()
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert "'release=cr'" in outcome.message
