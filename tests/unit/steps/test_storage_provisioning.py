from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.storage import Quota, RgwUser
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.reconciler import attempt
from tests.unit.steps.storage_world import LOGIN, NAMESPACE, OUR_LOGIN, PROVISION, World, registry, swift


@pytest.fixture
def world() -> World:
    return World()


async def test_user_login_and_quota_are_made_and_the_key_is_stored_first(world: World) -> None:
    world.without_login()
    world.rgw.down = True
    with pytest.raises(Unavailable):
        await world.step.reconcile(registry(swift(provision=PROVISION)))
    assert world.kube.values(NAMESPACE, "swift") == {"username": OUR_LOGIN, "password": "password-1"}

    world.rgw.down = False
    outcome = await world.step.reconcile(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Done)
    assert world.passwords == 1
    assert world.logins == {OUR_LOGIN: "password-1"}
    user = world.rgw.users["harbor"]
    assert user.quota == Quota(enabled=True, kib=5 * 1024 * 1024)


async def test_a_second_provisioning_pass_writes_nothing(world: World) -> None:
    world.without_login()
    first = await world.step.reconcile(registry(swift(provision=PROVISION)))
    for log in (world.kube.writes, world.store.writes, world.rgw.writes):
        log.clear()

    assert await world.step.reconcile(registry(swift(provision=PROVISION))) == first
    assert world.writes() == []


async def test_a_key_that_differs_is_set_again(world: World) -> None:
    world.without_login()
    await world.step.reconcile(registry(swift(provision=PROVISION)))
    user = world.rgw.users["harbor"]
    world.rgw.users["harbor"] = replace(user, swift_keys={OUR_LOGIN: SecretStr("meddled")})
    world.logins[OUR_LOGIN] = "meddled"
    world.rgw.writes.clear()

    assert isinstance(await world.step.reconcile(registry(swift(provision=PROVISION))), Done)
    assert world.rgw.writes == [f"login {OUR_LOGIN}"]
    assert world.logins[OUR_LOGIN] == "password-1"


async def test_a_login_chosen_by_the_user_is_provisioned_as_it_is(world: World) -> None:
    world.logins.clear()

    assert isinstance(await world.step.reconcile(registry(swift(provision=PROVISION))), Done)
    assert world.logins == {LOGIN: "key"}
    assert world.kube.writes == []


async def test_a_login_of_another_user_is_blocked(world: World) -> None:
    world.kube.put(NAMESPACE, "swift", {"username": "somebody:swift", "password": "key"})

    outcome = await world.step.reconcile(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert "must be 'harbor:SUBUSER'" in outcome.message
    assert world.writes() == []


async def test_a_suspended_user_is_blocked(world: World) -> None:
    world.rgw.users["harbor"] = RgwUser("harbor", "x", suspended=True)

    outcome = await world.step.reconcile(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert "suspended" in outcome.message


async def test_an_admin_without_rights_is_refused(world: World) -> None:
    world.rgw.powerless.add("access")

    with pytest.raises(Refused) as refusal:
        await world.step.reconcile(registry(swift(provision=PROVISION)))

    assert refusal.value.reason is Reason.STORAGE_PROVISIONING_REFUSED


async def test_a_missing_admin_secret_is_blocked_before_anything_is_made(world: World) -> None:
    world.without_login()
    del world.kube.secrets[NAMESPACE, "rgw-admin"]

    outcome = await attempt(world.step.reconcile, registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_MISSING
    assert world.writes() == []
