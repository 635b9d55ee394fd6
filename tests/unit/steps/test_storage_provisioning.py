from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.storage import Quota, RgwUser
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from tests.unit.steps.storage_fixture import LOGIN, NAMESPACE, OUR_LOGIN, PROVISION, StorageFixture, registry, swift


@pytest.fixture
def fixture() -> StorageFixture:
    return StorageFixture()


async def test_user_login_and_quota_are_made_and_the_key_is_stored_first(fixture: StorageFixture) -> None:
    fixture.without_login()
    fixture.rgw.down = True
    with pytest.raises(Unavailable):
        await fixture.step.reconcile(registry(swift(provision=PROVISION)))
    assert fixture.kube.values(NAMESPACE, "swift") == {"username": OUR_LOGIN, "password": "password-1"}

    fixture.rgw.down = False
    outcome = await fixture.step.reconcile(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Done)
    assert fixture.passwords == 1
    assert fixture.logins == {OUR_LOGIN: "password-1"}
    user = fixture.rgw.users["harbor"]
    assert user.quota == Quota(enabled=True, kib=5 * 1024 * 1024)


async def test_a_second_provisioning_pass_writes_nothing(fixture: StorageFixture) -> None:
    fixture.without_login()
    first = await fixture.step.reconcile(registry(swift(provision=PROVISION)))
    for log in (fixture.kube.writes, fixture.store.writes, fixture.rgw.writes):
        log.clear()

    assert await fixture.step.reconcile(registry(swift(provision=PROVISION))) == first
    assert fixture.writes() == []


async def test_a_key_that_differs_is_set_again(fixture: StorageFixture) -> None:
    fixture.without_login()
    await fixture.step.reconcile(registry(swift(provision=PROVISION)))
    user = fixture.rgw.users["harbor"]
    fixture.rgw.users["harbor"] = replace(user, swift_keys={OUR_LOGIN: SecretStr("meddled")})
    fixture.logins[OUR_LOGIN] = "meddled"
    fixture.rgw.writes.clear()

    assert isinstance(await fixture.step.reconcile(registry(swift(provision=PROVISION))), Done)
    assert fixture.rgw.writes == [f"login {OUR_LOGIN}"]
    assert fixture.logins[OUR_LOGIN] == "password-1"


async def test_a_login_chosen_by_the_user_is_provisioned_as_it_is(fixture: StorageFixture) -> None:
    fixture.logins.clear()

    assert isinstance(await fixture.step.reconcile(registry(swift(provision=PROVISION))), Done)
    assert fixture.logins == {LOGIN: "key"}
    assert fixture.kube.writes == []


async def test_a_login_of_another_user_is_blocked(fixture: StorageFixture) -> None:
    fixture.kube.put(NAMESPACE, "swift", {"username": "other:swift", "password": "key"})

    outcome = await fixture.step.reconcile(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert "must be 'harbor:SUBUSER'" in outcome.message
    assert fixture.writes() == []


async def test_a_suspended_user_is_blocked(fixture: StorageFixture) -> None:
    fixture.rgw.users["harbor"] = RgwUser("harbor", "x", suspended=True)

    outcome = await fixture.step.reconcile(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert "suspended" in outcome.message


async def test_an_admin_without_rights_is_refused(fixture: StorageFixture) -> None:
    fixture.rgw.powerless.add("access")

    with pytest.raises(Refused) as refusal:
        await fixture.step.reconcile(registry(swift(provision=PROVISION)))

    assert refusal.value.reason is Reason.STORAGE_PROVISIONING_REFUSED


async def test_a_missing_admin_secret_is_blocked_before_anything_is_made(fixture: StorageFixture) -> None:
    fixture.without_login()
    del fixture.kube.secrets[NAMESPACE, "rgw-admin"]

    outcome = await attempt(fixture.step.reconcile, registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_MISSING
    assert fixture.writes() == []
