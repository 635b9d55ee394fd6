from __future__ import annotations

import pytest

from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, Done, Facts, StatusWarning
from harbor_operator.plan.storage import MIB, PROBE_PREFIX, PROOF_OBJECT
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from tests.fakes.object_store import Stored
from tests.unit.steps.storage_fixture import LOGIN, NAMESPACE, StorageFixture, registry, swift


@pytest.fixture
def fixture() -> StorageFixture:
    return StorageFixture()


def codes(warnings: tuple[StatusWarning, ...]) -> list[Reason]:
    return [warning.code for warning in warnings]


async def test_no_section_is_not_requested(fixture: StorageFixture) -> None:
    assert await fixture.step.reconcile(registry()) == NOT_REQUESTED
    assert isinstance(await fixture.step.teardown(registry()), Done)
    assert fixture.writes() == []


async def test_a_volume_is_left_to_the_chart(fixture: StorageFixture) -> None:
    outcome = await fixture.step.reconcile(registry({"filesystem": {"size": "9Gi", "storageClassName": "fast"}}))

    assert isinstance(outcome, Done)
    assert "a volume of 9Gi from storage class 'fast' is claimed" in outcome.message


async def test_a_store_is_probed_and_only_the_proof_object_stays(fixture: StorageFixture) -> None:
    outcome = await fixture.step.reconcile(registry(swift(chunkSizeMiB=7)))

    assert isinstance(outcome, Done)
    assert outcome.facts == Facts(storage_url="https://s3.example.com/swift/v1")
    assert codes(outcome.warnings) == [Reason.SWIFT_SUNSET]
    assert fixture.objects() == [PROOF_OBJECT]
    assert f"put {PROBE_PREFIX}chunk" in fixture.store.writes


async def test_a_second_pass_writes_nothing(fixture: StorageFixture) -> None:
    first = await fixture.step.reconcile(registry(swift()))
    fixture.store.writes.clear()

    assert await fixture.step.reconcile(registry(swift())) == first
    assert fixture.writes() == []


@pytest.mark.parametrize("change", ["chunk", "url", "user"])
async def test_a_change_is_probed_again(fixture: StorageFixture, change: str) -> None:
    await fixture.step.reconcile(registry(swift()))
    fixture.store.writes.clear()
    spec = swift(chunkSizeMiB=30) if change == "chunk" else swift()
    if change == "url":
        fixture.store.storage_url = "https://s3.example.com/swift/v1/AUTH_harbor"
    if change == "user":
        fixture.logins["harbor:other"] = "key"
        fixture.kube.put(NAMESPACE, "swift", {"username": "harbor:other", "password": "key"})

    assert isinstance(await fixture.step.reconcile(registry(spec)), Done)
    assert f"put {PROBE_PREFIX}chunk" in fixture.store.writes
    fixture.store.writes.clear()
    await fixture.step.reconcile(registry(spec))
    assert fixture.writes() == []


async def test_an_existing_container_is_never_made_again(fixture: StorageFixture) -> None:
    fixture.store.containers["harbor"] = {"files/layer": Stored(b"x", 1)}

    assert isinstance(await fixture.step.reconcile(registry(swift(adoptExisting=True))), Done)
    assert "container harbor" not in fixture.store.writes
    assert fixture.objects() == ["files/layer", PROOF_OBJECT]


async def test_leftovers_of_a_killed_pass_are_removed(fixture: StorageFixture) -> None:
    leftover = f"{PROBE_PREFIX}segments/0000000000000009"
    fixture.store.containers["harbor"] = {leftover: Stored(b"x", 1)}

    assert isinstance(await fixture.step.reconcile(registry(swift())), Done)
    assert fixture.objects() == [PROOF_OBJECT]


async def test_a_wrong_storage_url_is_blocked_until_it_is_corrected(fixture: StorageFixture) -> None:
    fixture.store.storage_url = "http://s3.example.com:7480/swift/v1"

    outcome = await fixture.step.reconcile(registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_URL_MISMATCH
    assert "X-Storage-Url is 'http://s3.example.com:7480/swift/v1'" in outcome.message
    assert outcome.facts.storage_url == "http://s3.example.com:7480/swift/v1"
    assert codes(outcome.warnings) == [Reason.SWIFT_SUNSET]
    assert fixture.writes() == []

    fixture.store.storage_url = "https://s3.example.com/swift/v1"
    assert isinstance(await fixture.step.reconcile(registry(swift())), Done)


async def test_a_body_limit_is_found_by_the_chunk_and_leaves_nothing(fixture: StorageFixture) -> None:
    fixture.store.body_limit = 20 * MIB

    with pytest.raises(Refused, match="21 MiB") as refusal:
        await fixture.step.reconcile(registry(swift(chunkSizeMiB=20)))

    assert refusal.value.reason is Reason.STORAGE_BODY_LIMIT
    assert fixture.objects() == []
    assert isinstance(await fixture.step.reconcile(registry(swift(chunkSizeMiB=19))), Done)


async def test_a_full_store_is_distinguished_from_a_body_limit(fixture: StorageFixture) -> None:
    fixture.store.room = MIB

    with pytest.raises(Refused) as refusal:
        await fixture.step.reconcile(registry(swift()))

    assert refusal.value.reason is Reason.STORAGE_QUOTA_EXCEEDED


async def test_lagging_listings_fail_the_probe(fixture: StorageFixture) -> None:
    fixture.store.lagging_listings = True

    outcome = await fixture.step.reconcile(registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_PROBE_FAILED
    assert PROOF_OBJECT not in fixture.objects()


async def test_a_wrong_key_is_refused(fixture: StorageFixture) -> None:
    fixture.logins[LOGIN] = "another"

    with pytest.raises(Refused) as refusal:
        await fixture.step.reconcile(registry(swift()))

    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED


async def test_a_store_that_is_down_is_unavailable(fixture: StorageFixture) -> None:
    fixture.store.down = True

    with pytest.raises(Unavailable):
        await fixture.step.reconcile(registry(swift()))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, Reason.SECRET_MISSING),
        ({"username": LOGIN}, Reason.SECRET_KEY_MISSING),
        ({"username": LOGIN, "password": "key\n"}, Reason.SECRET_INVALID),
    ],
)
async def test_a_secret_that_cannot_serve_is_blocked(
    fixture: StorageFixture, values: dict[str, str] | None, reason: Reason
) -> None:
    del fixture.kube.secrets[NAMESPACE, "swift"]
    if values is not None:
        fixture.kube.put(NAMESPACE, "swift", values)

    outcome = await attempt(fixture.step.reconcile, registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert "`spec.storage.swift.credentialsSecretRef`" in outcome.message


async def test_a_missing_ca_is_blocked(fixture: StorageFixture) -> None:
    outcome = await attempt(fixture.step.reconcile, registry(swift(caSecretRef={"name": "s3-ca"})))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_MISSING
    assert "`spec.storage.swift.caSecretRef`" in outcome.message


async def test_a_container_of_another_registry_is_refused(fixture: StorageFixture) -> None:
    fixture.kube.registries = [{"metadata": {"namespace": "other", "name": "one", "uid": "uid-2"}}]
    fixture.mark_as(**{"registry-uid": "uid-2"})

    outcome = await fixture.step.reconcile(registry(swift(adoptExisting=True)))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_CONTAINER_REFUSED
    assert "'other/one'" in outcome.message
    assert fixture.writes() == []


async def test_a_container_retained_from_an_earlier_registry_is_used(fixture: StorageFixture) -> None:
    await fixture.step.reconcile(registry(swift()))

    assert isinstance(await fixture.step.reconcile(registry(swift(), uid="uid-2")), Done)
    assert "uid-2" in fixture.mark.values()
