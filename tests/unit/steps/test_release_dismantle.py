from __future__ import annotations

from datetime import timedelta

import pytest

from harbor_operator.model.outcomes import Done, Pending
from harbor_operator.reasons import Reason
from tests.fakes.release_world import ReleaseWorld, dismantled


@pytest.fixture
def world() -> ReleaseWorld:
    return ReleaseWorld()


async def test_dismantling_keeps_the_pins_as_long_as_the_database(world: ReleaseWorld) -> None:
    await world.deployed()
    outcome = await dismantled(world)
    assert isinstance(outcome, Done)
    assert "'hreg-cr-pins'" in outcome.message
    assert world.revisions() == []
    left = {name for _, name in world.kube.secrets if name.startswith("hreg-")}
    assert left == {"hreg-cr-pins", "hreg-cr-admin-password", "hreg-cr-database-login"}
    world.kube.writes.clear()
    assert isinstance(await world.teardown(), Done)
    assert world.kube.writes == []


async def test_dismantling_with_the_database_leaves_nothing_of_ours(world: ReleaseWorld) -> None:
    world.spec(deletionPolicy={"database": "Delete"})
    await world.deployed()
    assert isinstance(await dismantled(world), Done)
    assert {name for _, name in world.kube.secrets if name.startswith("hreg-")} == {"hreg-cr-database-login"}
    assert {"redis", "swift", "s3-ca", "cr-ca"} <= {name for _, name in world.kube.secrets}


async def test_a_kept_release_is_not_touched(world: ReleaseWorld) -> None:
    await world.deployed()
    world.spec(deletionPolicy={"release": "Retain"})
    world.kube.writes.clear()
    assert isinstance(await world.teardown(), Done)
    assert world.kube.writes == []
    assert len(world.revisions()) == 1


async def test_dismantling_leaves_a_foreign_release(world: ReleaseWorld) -> None:
    world.helm.write_revision(await world.desired(), "deployed", labels={})
    outcome = await world.teardown()
    assert isinstance(outcome, Done)
    assert "somebody else" in outcome.message
    assert world.helm.started == []
    assert len(world.revisions()) == 1


async def test_a_failed_uninstall_is_told_and_retried(world: ReleaseWorld) -> None:
    await world.deployed()
    await world.teardown()
    world.finish("Error: no luck")
    outcome = await world.teardown()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_FAILED
    assert "no luck" in outcome.message
    world.now += timedelta(seconds=outcome.requeue_after + 1)
    assert isinstance(await dismantled(world), Done)


async def test_dismantling_waits_for_the_workloads_to_go(world: ReleaseWorld) -> None:
    await world.deployed()
    await world.teardown()
    world.finish()
    outcome = await world.teardown()
    assert isinstance(outcome, Pending)
    assert "'cr-harbor-core'" in outcome.message
    world.workloads()
    assert isinstance(await world.teardown(), Done)
