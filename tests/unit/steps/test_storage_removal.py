from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Done, Pending
from harbor_operator.model.storage import RgwUser
from harbor_operator.plan.storage import PROOF_OBJECT
from harbor_operator.reasons import Reason
from tests.fakes.object_store import Stored
from tests.unit.steps.storage_fixture import LOGIN, NAMESPACE, PROVISION, StorageFixture, registry, swift


@pytest.fixture
def fixture() -> StorageFixture:
    return StorageFixture()


async def test_data_is_retained_by_default(fixture: StorageFixture) -> None:
    await fixture.step.reconcile(registry(swift()))
    fixture.store.writes.clear()

    outcome = await fixture.step.teardown(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Done)
    assert "is retained with its RGW user and Secret" in outcome.message
    assert fixture.writes() == []


async def torn_down(fixture: StorageFixture, wanted: HarborRegistry) -> Done:
    for _ in range(20):
        outcome = await fixture.step.teardown(wanted)
        if isinstance(outcome, Done):
            return outcome
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.STORAGE_CLEANING_UP
    raise AssertionError("teardown does not end")


async def test_delete_empties_and_removes_the_container(fixture: StorageFixture) -> None:
    wanted = registry(swift(), delete=True)
    await fixture.step.reconcile(wanted)
    for name in ("files/a", "files/b", "segments/1"):
        fixture.store.containers["harbor"][name] = Stored(b"x", 1)

    outcome = await torn_down(fixture, wanted)

    assert outcome.message == "container 'harbor' is removed"
    assert fixture.store.containers == {}
    assert (NAMESPACE, "swift") in fixture.kube.secrets
    assert isinstance(await fixture.step.teardown(wanted), Done)


async def test_delete_leaves_a_container_without_our_mark(fixture: StorageFixture) -> None:
    fixture.store.containers["harbor"] = {"files/a": Stored(b"x", 1)}

    outcome = await torn_down(fixture, registry(swift(), delete=True))

    assert "does not carry the mark of this registry" in outcome.message
    assert fixture.objects() == ["files/a"]


async def test_delete_leaves_a_container_marked_by_another_registry(fixture: StorageFixture) -> None:
    await fixture.step.reconcile(registry(swift()))

    await torn_down(fixture, registry(swift(), delete=True, cluster="cluster-2"))

    assert fixture.objects() == [PROOF_OBJECT]


async def test_delete_leaves_what_is_not_the_registrys(fixture: StorageFixture) -> None:
    wanted = registry(swift(), delete=True)
    await fixture.step.reconcile(wanted)
    fixture.store.containers["harbor"] |= {"backup.tar": Stored(b"x", 1), "files/a": Stored(b"x", 1)}

    outcome = await torn_down(fixture, wanted)

    assert "('backup.tar')" in outcome.message
    assert fixture.objects() == ["backup.tar", PROOF_OBJECT]


async def test_delete_removes_the_login_the_user_and_the_secret(fixture: StorageFixture) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    fixture.without_login()
    await fixture.step.reconcile(wanted)

    await torn_down(fixture, wanted)

    assert fixture.store.containers == {}
    assert fixture.rgw.users == {}
    assert (NAMESPACE, "swift") not in fixture.kube.secrets
    assert isinstance(await fixture.step.teardown(wanted), Done)


async def test_delete_goes_on_after_a_crash_between_login_and_secret(fixture: StorageFixture) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    fixture.without_login()
    await fixture.step.reconcile(wanted)
    fixture.store.containers.clear()
    fixture.rgw.users.clear()
    fixture.logins.clear()

    await torn_down(fixture, wanted)

    assert (NAMESPACE, "swift") not in fixture.kube.secrets


async def test_delete_keeps_a_user_that_was_there_before(fixture: StorageFixture) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    fixture.without_login()
    fixture.rgw.users["harbor"] = RgwUser("harbor", "made by Rook")
    await fixture.step.reconcile(wanted)

    await torn_down(fixture, wanted)

    assert fixture.rgw.users["harbor"].subusers == {}


async def test_delete_keeps_a_user_that_owns_other_buckets(fixture: StorageFixture) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    fixture.without_login()
    await fixture.step.reconcile(wanted)
    fixture.rgw.bucket_owners.add("harbor")

    outcome = await torn_down(fixture, wanted)

    assert "RGW user 'harbor' is retained, because it still owns a bucket" in outcome.message
    assert "harbor" in fixture.rgw.users
    assert (NAMESPACE, "swift") not in fixture.kube.secrets


async def test_delete_keeps_a_login_that_the_user_chose(fixture: StorageFixture) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    await fixture.step.reconcile(wanted)

    await torn_down(fixture, wanted)

    assert fixture.store.containers == {}
    assert fixture.logins == {LOGIN: "key"}
    assert (NAMESPACE, "swift") in fixture.kube.secrets


async def test_delete_without_the_secret_leaves_everything(fixture: StorageFixture) -> None:
    wanted = registry(swift(), delete=True)
    await fixture.step.reconcile(wanted)
    del fixture.kube.secrets[NAMESPACE, "swift"]

    outcome = await fixture.step.teardown(wanted)

    assert isinstance(outcome, Done)
    assert fixture.objects() == [PROOF_OBJECT]
