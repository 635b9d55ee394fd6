from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.model.storage import RgwUser
from harbor_operator.plan.storage import PROOF_OBJECT
from harbor_operator.reasons import Reason
from tests.fakes.object_store import Stored
from tests.unit.steps.storage_world import LOGIN, NAMESPACE, PROVISION, World, registry, swift


@pytest.fixture
def world() -> World:
    return World()


async def test_data_is_kept_by_default(world: World) -> None:
    await world.step.reconcile(registry(swift()))
    world.store.writes.clear()

    outcome = await world.step.teardown(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Done)
    assert "is kept with its RGW user and Secret" in outcome.message
    assert world.writes() == []


async def dismantled(world: World, wanted: HarborRegistry) -> Done:
    for _ in range(20):
        outcome = await world.step.teardown(wanted)
        if isinstance(outcome, Done):
            return outcome
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.STORAGE_CLEANING_UP
    raise AssertionError("dismantling does not end")


async def test_delete_empties_and_removes_the_container(world: World) -> None:
    wanted = registry(swift(), delete=True)
    await world.step.reconcile(wanted)
    for name in ("files/a", "files/b", "segments/1"):
        world.store.containers["harbor"][name] = Stored(b"x", 1)

    outcome = await dismantled(world, wanted)

    assert outcome.message == "container 'harbor' is removed"
    assert world.store.containers == {}
    assert (NAMESPACE, "swift") in world.kube.secrets
    assert isinstance(await world.step.teardown(wanted), Done)


async def test_nothing_is_removed_through_another_storage_url(world: World) -> None:
    wanted = registry(swift(), delete=True)
    await world.step.reconcile(wanted)
    world.store.storage_url = "https://elsewhere.example.com/swift/v1"
    world.store.writes.clear()

    outcome = await world.step.teardown(wanted)

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_URL_MISMATCH
    assert world.store.writes == []


async def test_delete_leaves_a_container_without_our_mark(world: World) -> None:
    world.store.containers["harbor"] = {"files/a": Stored(b"x", 1)}

    outcome = await dismantled(world, registry(swift(), delete=True))

    assert "does not carry the mark of this registry" in outcome.message
    assert world.objects() == ["files/a"]


async def test_delete_leaves_a_container_marked_by_another_registry(world: World) -> None:
    await world.step.reconcile(registry(swift()))

    await dismantled(world, registry(swift(), delete=True, uid="uid-2"))

    assert world.objects() == [PROOF_OBJECT]


async def test_delete_leaves_what_is_not_the_registrys(world: World) -> None:
    wanted = registry(swift(), delete=True)
    await world.step.reconcile(wanted)
    world.store.containers["harbor"] |= {"backup.tar": Stored(b"x", 1), "files/a": Stored(b"x", 1)}

    outcome = await dismantled(world, wanted)

    assert "('backup.tar')" in outcome.message
    assert world.objects() == ["backup.tar", PROOF_OBJECT]


async def test_delete_takes_back_the_login_the_user_and_the_secret(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    world.without_login()
    await world.step.reconcile(wanted)

    await dismantled(world, wanted)

    assert world.store.containers == {}
    assert world.rgw.users == {}
    assert (NAMESPACE, "swift") not in world.kube.secrets
    assert isinstance(await world.step.teardown(wanted), Done)


async def test_delete_goes_on_after_a_crash_between_login_and_secret(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    world.without_login()
    await world.step.reconcile(wanted)
    world.store.containers.clear()
    world.rgw.users.clear()
    world.logins.clear()

    await dismantled(world, wanted)

    assert (NAMESPACE, "swift") not in world.kube.secrets


async def test_delete_keeps_a_user_that_was_there_before(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    world.without_login()
    world.rgw.users["harbor"] = RgwUser("harbor", "made by Rook")
    await world.step.reconcile(wanted)

    await dismantled(world, wanted)

    assert world.rgw.users["harbor"].subusers == {}


async def test_delete_keeps_a_user_that_owns_other_buckets(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    world.without_login()
    await world.step.reconcile(wanted)
    world.rgw.bucket_owners.add("harbor")

    await dismantled(world, wanted)

    assert "harbor" in world.rgw.users
    assert (NAMESPACE, "swift") not in world.kube.secrets


async def test_delete_keeps_a_login_that_the_user_chose(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    await world.step.reconcile(wanted)

    await dismantled(world, wanted)

    assert world.store.containers == {}
    assert world.logins == {LOGIN: "key"}
    assert (NAMESPACE, "swift") in world.kube.secrets


async def test_delete_without_the_secret_leaves_everything(world: World) -> None:
    wanted = registry(swift(), delete=True)
    await world.step.reconcile(wanted)
    del world.kube.secrets[NAMESPACE, "swift"]

    outcome = await world.step.teardown(wanted)

    assert isinstance(outcome, Done)
    assert world.objects() == [PROOF_OBJECT]
