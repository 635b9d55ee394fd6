from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harbor_operator.model.kubernetes import Workload
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Pending
from harbor_operator.plan.release import unwrap_secrets
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.release import ReleaseStep
from tests.fakes.helm import FakeHelm
from tests.fakes.release import NAMESPACE, STORAGE_PASSWORD, random
from tests.fakes.release_world import READY, ReleaseWorld


@pytest.fixture
def world() -> ReleaseWorld:
    return ReleaseWorld()


async def test_nothing_is_asked_nothing_is_done(world: ReleaseWorld) -> None:
    world.spec(release=None)
    assert await world.reconcile() == await world.teardown() == NOT_REQUESTED
    assert world.kube.writes == []


def test_waits_for_the_servers_harbor_stands_on(world: ReleaseWorld) -> None:
    assert world.step.condition_type is ConditionType.RELEASE
    assert world.step.depends_on == (ConditionType.DATABASE, ConditionType.CACHE, ConditionType.STORAGE)


async def test_absent_release_is_installed_and_becomes_done(world: ReleaseWorld) -> None:
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING
    assert world.helm.started == ["upgrade intra/cr"]

    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING

    world.finish()
    world.workloads(Workload("Deployment", "cr-harbor-core", 1, 0, 1, observed=True, trouble="image cannot be pulled"))
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY
    assert "'cr-harbor-core': 0 of 1 ready (image cannot be pulled)" in outcome.message

    world.workloads(*READY)
    outcome = await world.reconcile()
    assert isinstance(outcome, Done)
    assert outcome.facts.chart_version == "1.19.1"
    assert outcome.facts.harbor_version == "2.15.1"
    assert outcome.facts.release_revision == 1


async def test_second_pass_writes_nothing_and_runs_nothing(world: ReleaseWorld) -> None:
    await world.deployed()
    assert isinstance(await world.reconcile(), Done)
    world.kube.writes.clear()
    world.helm.started.clear()
    assert isinstance(await world.reconcile(), Done)
    assert world.kube.writes == []
    assert world.helm.started == []
    assert len(world.revisions()) == 1


async def test_failure_is_told_and_retried_ever_more_slowly(world: ReleaseWorld) -> None:
    await world.reconcile()
    waits = []
    for _ in range(4):
        world.finish("Error: UPGRADE FAILED: no luck")
        outcome = await world.reconcile()
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.RELEASE_FAILED
        assert "no luck" in outcome.message
        waits.append(outcome.requeue_after)
        world.now += timedelta(seconds=outcome.requeue_after + 1)
        outcome = await world.reconcile()
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.RELEASE_INSTALLING
    assert waits == [10.0, 20.0, 40.0, 80.0]
    world.finish()
    world.workloads(*READY)
    assert isinstance(await world.reconcile(), Done)


async def test_a_change_of_mind_is_free_until_harbor_has_run(world: ReleaseWorld) -> None:
    await world.reconcile()
    world.finish("Error: INSTALLATION FAILED: no luck")
    world.spec("1.18.4", storage={"filesystem": {"size": "1Gi"}})
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING


async def test_failure_without_a_record_is_held_back_too(world: ReleaseWorld) -> None:
    await world.reconcile()
    world.finish('Error: looks like "https://x" is not a valid chart repository', recorded=False)
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.CHART_UNAVAILABLE
    assert world.helm.started == ["upgrade intra/cr"]
    world.now += timedelta(seconds=11)
    await world.reconcile()
    assert len(world.helm.started) == 2


async def test_failures_are_remembered_across_a_restart(world: ReleaseWorld) -> None:
    await world.reconcile()
    for _ in range(2):
        world.finish("Error: UPGRADE FAILED: no luck")
        world.now += timedelta(seconds=60)
        await world.reconcile()
    world.finish(f"Error: UPGRADE FAILED: no luck with {STORAGE_PASSWORD}")
    world.helm = FakeHelm(world.kube, lambda: world.now)
    world.step = ReleaseStep(world.kube, world.helm, random(), lambda: world.now)
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.requeue_after == pytest.approx(40, abs=1)
    assert "no luck with ***" in outcome.message
    assert world.helm.started == []


async def test_a_changed_wish_is_tried_at_once_after_a_failure(world: ReleaseWorld) -> None:
    await world.reconcile()
    world.finish("Error: INSTALLATION FAILED: no luck")
    world.spec(release={"version": "1.19.1", "values": {"logLevel": "debug"}})
    await world.reconcile()
    assert len(world.helm.started) == 2


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"])
async def test_a_young_lock_is_left_alone_and_an_old_one_is_cleared(world: ReleaseWorld, status: str) -> None:
    world.helm.write_revision(await world.desired(), status)
    world.kube.writes.clear()
    world.now += timedelta(seconds=599)
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_LOCKED
    assert world.kube.writes == []

    world.now += timedelta(seconds=10)
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_LOCKED
    assert "is cleared" in outcome.message
    assert world.kube.writes == ["patch intra/sh.helm.release.v1.cr.v1"]
    assert world.kube.secrets[NAMESPACE, "sh.helm.release.v1.cr.v1"].labels["status"] == "failed"
    assert world.helm.started == []

    await world.reconcile()
    world.finish()
    world.workloads(*READY)
    assert isinstance(await world.reconcile(), Done)


async def test_a_lock_is_not_cleared_while_a_child_of_ours_runs(world: ReleaseWorld) -> None:
    await world.reconcile()
    world.helm.write_revision(await world.desired(), "pending-install")
    world.kube.writes.clear()
    world.now += timedelta(hours=5)
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING
    assert world.kube.writes == []


async def test_a_foreign_release_is_refused(world: ReleaseWorld) -> None:
    world.helm.write_revision(await world.desired(), "deployed", labels={})
    outcome = await world.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RELEASE_FOREIGN
    assert world.helm.started == []


async def test_an_upgrade_by_hand_is_brought_back(world: ReleaseWorld) -> None:
    await world.deployed()
    desired = await world.desired()
    world.helm.write_revision(
        desired, "deployed", config={**unwrap_secrets(desired.values), "externalURL": "https://by.hand"}
    )
    outcome = await world.reconcile()
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
async def test_what_must_not_happen_is_blocked(
    world: ReleaseWorld, version: str, spec: dict[str, Any], reason: Reason
) -> None:
    await world.deployed()
    world.helm.started.clear()
    world.spec(version, **spec)
    outcome = await world.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert world.helm.started == []


async def test_unavailable_server_passes_through(world: ReleaseWorld) -> None:
    world.kube.down = True
    with pytest.raises(Unavailable):
        await world.reconcile()


async def test_unreadable_release_is_named(world: ReleaseWorld) -> None:
    labels = {"owner": "helm", "name": "cr", "status": "deployed"}
    world.kube.put(NAMESPACE, "sh.helm.release.v1.cr.v1", {"release": "hush"}, labels)
    with pytest.raises(Refused, match=r"'sh\.helm\.release\.v1\.cr\.v1'"):
        await world.reconcile()


async def test_many_late_workloads_are_summed_up(world: ReleaseWorld) -> None:
    await world.deployed()
    world.workloads(*(Workload("Deployment", f"w{n}", 1, 0, 0, observed=True) for n in range(8)))
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.message.endswith("and 3 more")
    world.workloads()
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert "'release=cr'" in outcome.message
