from __future__ import annotations

import pytest

from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, Done, Facts, StatusWarning
from harbor_operator.plan.storage import MIB, PROBE_PREFIX, PROOF_OBJECT
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.reconciler import attempt
from tests.fakes.object_store import Stored
from tests.unit.steps.storage_world import LOGIN, NAMESPACE, World, registry, swift


@pytest.fixture
def world() -> World:
    return World()


def codes(warnings: tuple[StatusWarning, ...]) -> list[Reason]:
    return [caution.code for caution in warnings]


async def test_no_section_is_not_requested(world: World) -> None:
    assert await world.step.reconcile(registry()) == NOT_REQUESTED
    assert isinstance(await world.step.teardown(registry()), Done)
    assert world.writes() == []


async def test_a_volume_is_left_to_the_chart(world: World) -> None:
    outcome = await world.step.reconcile(registry({"filesystem": {"size": "9Gi", "storageClassName": "fast"}}))

    assert isinstance(outcome, Done)
    assert "a volume of 9Gi from storage class 'fast' will be claimed" in outcome.message


async def test_a_store_is_proven_and_only_the_mark_stays(world: World) -> None:
    outcome = await world.step.reconcile(registry(swift(chunkSizeMiB=7)))

    assert isinstance(outcome, Done)
    assert outcome.facts == Facts(storage_url="https://s3.example.com/swift/v1")
    assert codes(outcome.warnings) == [Reason.SWIFT_SUNSET]
    assert world.objects() == [PROOF_OBJECT]
    assert f"put {PROBE_PREFIX}chunk" in world.store.writes


async def test_a_second_pass_writes_nothing(world: World) -> None:
    first = await world.step.reconcile(registry(swift()))
    world.store.writes.clear()

    assert await world.step.reconcile(registry(swift())) == first
    assert world.writes() == []


@pytest.mark.parametrize("change", ["chunk", "url", "user"])
async def test_a_change_is_proven_again(world: World, change: str) -> None:
    await world.step.reconcile(registry(swift()))
    world.store.writes.clear()
    spec = swift(chunkSizeMiB=30) if change == "chunk" else swift()
    if change == "url":
        world.store.storage_url = "https://s3.example.com/swift/v1/AUTH_harbor"
    if change == "user":
        world.logins["harbor:other"] = "key"
        world.kube.put(NAMESPACE, "swift", {"username": "harbor:other", "password": "key"})

    assert isinstance(await world.step.reconcile(registry(spec)), Done)
    assert f"put {PROBE_PREFIX}chunk" in world.store.writes
    world.store.writes.clear()
    await world.step.reconcile(registry(spec))
    assert world.writes() == []


async def test_an_existing_container_is_never_made_again(world: World) -> None:
    world.store.containers["harbor"] = {"files/layer": Stored(b"x", 1)}

    assert isinstance(await world.step.reconcile(registry(swift())), Done)
    assert "container harbor" not in world.store.writes
    assert world.objects() == ["files/layer", PROOF_OBJECT]


async def test_leftovers_of_a_killed_pass_are_removed(world: World) -> None:
    leftover = f"{PROBE_PREFIX}segments/0000000000000009"
    world.store.containers["harbor"] = {leftover: Stored(b"x", 1)}

    assert isinstance(await world.step.reconcile(registry(swift())), Done)
    assert world.objects() == [PROOF_OBJECT]


async def test_a_wrong_storage_url_is_blocked_and_heals(world: World) -> None:
    world.store.storage_url = "http://s3.example.com:7480/swift/v1"

    outcome = await world.step.reconcile(registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_URL_MISMATCH
    assert "X-Storage-Url is 'http://s3.example.com:7480/swift/v1'" in outcome.message
    assert outcome.facts.storage_url == "http://s3.example.com:7480/swift/v1"
    assert codes(outcome.warnings) == [Reason.SWIFT_SUNSET]
    assert world.writes() == []

    world.store.storage_url = "https://s3.example.com/swift/v1"
    assert isinstance(await world.step.reconcile(registry(swift())), Done)


async def test_a_body_limit_is_found_by_the_chunk_and_leaves_nothing(world: World) -> None:
    world.store.body_limit = 20 * MIB

    with pytest.raises(Refused, match="21 MiB") as refusal:
        await world.step.reconcile(registry(swift(chunkSizeMiB=20)))

    assert refusal.value.reason is Reason.STORAGE_BODY_LIMIT
    assert world.objects() == []
    assert isinstance(await world.step.reconcile(registry(swift(chunkSizeMiB=19))), Done)


async def test_a_full_store_is_told_from_a_body_limit(world: World) -> None:
    world.store.room = MIB

    with pytest.raises(Refused) as refusal:
        await world.step.reconcile(registry(swift()))

    assert refusal.value.reason is Reason.STORAGE_QUOTA_EXCEEDED


async def test_lagging_listings_fail_the_proof(world: World) -> None:
    world.store.lagging_listings = True

    outcome = await world.step.reconcile(registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_PROBE_FAILED
    assert PROOF_OBJECT not in world.objects()


async def test_a_wrong_key_is_refused(world: World) -> None:
    world.logins[LOGIN] = "another"

    with pytest.raises(Refused) as refusal:
        await world.step.reconcile(registry(swift()))

    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED


async def test_a_store_that_is_down_is_unavailable(world: World) -> None:
    world.store.down = True

    with pytest.raises(Unavailable):
        await world.step.reconcile(registry(swift()))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, Reason.SECRET_MISSING),
        ({"username": LOGIN}, Reason.SECRET_KEY_MISSING),
        ({"username": LOGIN, "password": "key\n"}, Reason.SECRET_INVALID),
    ],
)
async def test_a_secret_that_cannot_serve_is_blocked(
    world: World, values: dict[str, str] | None, reason: Reason
) -> None:
    del world.kube.secrets[NAMESPACE, "swift"]
    if values is not None:
        world.kube.put(NAMESPACE, "swift", values)

    outcome = await attempt(world.step.reconcile, registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert "`spec.storage.swift.credentialsSecretRef`" in outcome.message


async def test_a_missing_ca_is_blocked(world: World) -> None:
    outcome = await attempt(world.step.reconcile, registry(swift(caSecretRef={"name": "s3-ca"})))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_MISSING
    assert "`spec.storage.swift.caSecretRef`" in outcome.message


async def test_a_container_of_a_living_registry_is_refused(world: World) -> None:
    await world.step.reconcile(registry(swift()))
    world.kube.registries = [{"metadata": {"namespace": "other", "name": "one", "uid": "uid-1"}}]
    world.store.writes.clear()

    outcome = await world.step.reconcile(registry(swift(), uid="uid-2"))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_CONTAINER_REFUSED
    assert "'other/one'" in outcome.message
    assert world.writes() == []


async def test_a_container_kept_from_an_earlier_life_is_taken_over(world: World) -> None:
    await world.step.reconcile(registry(swift()))

    assert isinstance(await world.step.reconcile(registry(swift(), uid="uid-2")), Done)
    marks = world.store.containers["harbor"][PROOF_OBJECT].metadata
    assert "uid-2" in marks.values()
