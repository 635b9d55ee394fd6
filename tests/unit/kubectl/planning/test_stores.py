"""A plan of the object store: the user, the container and its mark, and no write."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import PlanEnds, Recorder
from harbor_operator.kubectl.planning.stores import PlannedRgw, PlannedS3, PlannedSwift
from harbor_operator.model.outcomes import Done, Outcome
from harbor_operator.model.s3 import DesiredS3
from harbor_operator.model.storage import DesiredSwift
from harbor_operator.plan.storage import plan_storage, swift_place
from harbor_operator.steps.storage import StorageStep, Stores
from tests.fakes.postgres import FakePostgres
from tests.unit.steps.s3_fixture import S3Fixture
from tests.unit.steps.s3_fixture import registry as s3_registry
from tests.unit.steps.storage_fixture import OUR_LOGIN, PROVISION, StorageFixture, registry, swift

PROBED = "marked as this registry's after a probe, which writes objects below `harbor-operator/probe/` and removes them"


class StoragePlan:
    """The step with the stores of a fixture, in which nothing is written."""

    def __init__(self, fixture: StorageFixture | S3Fixture, registry: HarborRegistry) -> None:
        self.recorder = Recorder(lambda: SecretStr("made"))
        self.end = ""
        self._registry = registry
        desired = plan_storage(registry)
        assert isinstance(desired, DesiredSwift | DesiredS3)
        place = desired.place if isinstance(desired, DesiredS3) else swift_place(desired)
        rgw = PlannedRgw(fixture.rgw, self.recorder)
        stores: list[Any] = [kind(fixture.store, self.recorder, rgw, place) for kind in (PlannedSwift, PlannedS3)]
        self._step = StorageStep(
            fixture.kube, Stores(stores[0], stores[1], cast("Any", rgw)), self.recorder.make_password, FakePostgres()
        )

    async def run(self) -> Outcome | None:
        """Returns the outcome of the step, None if it ended before."""
        try:
            return await self._step.reconcile(self._registry)
        except PlanEnds as end:
            self.end = str(end)
            return None

    @property
    def lines(self) -> list[tuple[Action, str, tuple[str, ...]]]:
        return [(line.action, line.subject, line.details) for line in self.recorder.lines]


async def test_a_missing_container_is_created_probed_and_marked() -> None:
    fixture = StorageFixture()
    plan = StoragePlan(fixture, registry(swift()))
    assert await plan.run() is None
    assert plan.lines == [(Action.CREATE, "container 'harbor'", (PROBED,))]
    assert fixture.writes() == []


async def test_a_container_as_desired_is_kept() -> None:
    fixture = StorageFixture()
    await fixture.step.reconcile(registry(swift()))
    before, fixture.store.writes = fixture.mark, []
    plan = StoragePlan(fixture, registry(swift()))
    assert isinstance(await plan.run(), Done)
    assert (plan.lines, fixture.store.writes, fixture.mark) == ([], [], before)


async def test_another_chunk_size_is_probed_again() -> None:
    fixture = StorageFixture()
    await fixture.step.reconcile(registry(swift()))
    fixture.store.writes = []
    plan = StoragePlan(fixture, registry(swift(chunkSizeMiB=7)))
    assert await plan.run() is None
    assert plan.lines == [(Action.CHANGE, "mark of container 'harbor'", (PROBED,))]
    assert fixture.store.writes == []


async def test_a_registry_that_was_created_again_gets_the_mark_without_a_probe() -> None:
    fixture = StorageFixture()
    await fixture.step.reconcile(registry(swift(), uid="uid-0"))
    fixture.store.writes = []
    plan = StoragePlan(fixture, registry(swift()))
    assert isinstance(await plan.run(), Done)
    assert plan.lines == [(Action.CHANGE, "mark of container 'harbor'", ("marked as this registry's",))]
    assert fixture.store.writes == []


async def test_a_new_user_has_a_login_a_quota_and_a_container() -> None:
    fixture = StorageFixture().without_login()
    plan = StoragePlan(fixture, registry(swift(provision=PROVISION)))
    assert await plan.run() is None
    (_, user, details), container = plan.lines
    assert (user, details[1:]) == ("RGW user 'harbor'", ("quota: 5 GiB", f"Swift login '{OUR_LOGIN}' with a key"))
    assert container == (Action.CREATE, "container 'harbor'", (PROBED,))
    assert (fixture.rgw.writes, fixture.store.writes) == ([], [])


async def test_a_new_login_of_an_existing_user_hides_the_container() -> None:
    fixture = StorageFixture().without_login()
    await fixture.step.reconcile(registry(swift(provision=PROVISION)))
    del fixture.kube.secrets["intra", "swift"]
    fixture.rgw.writes, fixture.store.writes = [], []
    plan = StoragePlan(fixture, registry(swift(provision=PROVISION)))
    assert await plan.run() is None
    assert [line[:2] for line in plan.lines] == [(Action.CHANGE, "RGW user 'harbor'")]
    assert plan.end == "container 'harbor', because its login is set first"
    assert (fixture.rgw.writes, fixture.store.writes) == ([], [])


@pytest.mark.parametrize("provisions", [False, True])
async def test_a_bucket(provisions: bool) -> None:
    fixture = S3Fixture().without_keys() if provisions else S3Fixture()
    plan = StoragePlan(fixture, s3_registry(provision=PROVISION) if provisions else s3_registry())
    assert await plan.run() is None
    subject = "bucket 'harbor'" if provisions else "mark of bucket 'harbor'"
    assert plan.lines[-1] == (Action.CREATE, subject, (PROBED,))
    assert (fixture.rgw.writes, fixture.store.writes) == ([], [])


async def test_a_bucket_as_desired_is_kept() -> None:
    fixture = S3Fixture()
    await fixture.step.reconcile(s3_registry())
    fixture.store.writes = []
    plan = StoragePlan(fixture, s3_registry())
    assert isinstance(await plan.run(), Done)
    assert (plan.lines, fixture.store.writes) == ([], [])
