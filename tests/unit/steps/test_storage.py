from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.outcomes import NOT_REQUESTED, Blocked, Caution, Done, Facts, Pending
from harbor_operator.plan.storage import MARKER, MIB, PROBE_PREFIX, Quota, RgwUser
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.storage import StorageStep
from tests.fakes.kube import FakeKube
from tests.fakes.object_store import FakeObjectStore, Stored
from tests.fakes.rgw_admin import FakeRgwAdmin

NAMESPACE = "intra"
LOGIN = "harbor:swift"
OUR_LOGIN = "harbor:intra.cr"
PROVISION = {"adminURL": "http://rgw:80", "adminSecretRef": {"name": "rgw-admin"}, "uid": "harbor", "quotaGiB": 5}


@dataclass
class World:
    """A store with one user whose login lies in Secret 'swift', and a step that looks at it."""

    kube: FakeKube = field(default_factory=FakeKube)
    logins: dict[str, str] = field(default_factory=lambda: {LOGIN: "key"})

    def __post_init__(self) -> None:
        self.store = FakeObjectStore(self.logins)
        self.rgw = FakeRgwAdmin(self.logins)
        self.passwords = 0
        self.step = StorageStep(self.kube, self.store, self.rgw, self.make_password)
        self.kube.put(NAMESPACE, "swift", {"username": LOGIN, "password": "key"})
        self.kube.put(NAMESPACE, "rgw-admin", {"accessKey": "access", "secretKey": "secret"})

    def make_password(self) -> SecretStr:
        self.passwords += 1
        return SecretStr(f"password-{self.passwords}")

    def objects(self) -> list[str]:
        return sorted(self.store.containers.get("harbor", {}))

    def writes(self) -> list[str]:
        return [*self.kube.writes, *self.store.writes, *self.rgw.writes]

    def without_login(self) -> World:
        del self.kube.secrets[NAMESPACE, "swift"]
        self.logins.clear()
        return self


@pytest.fixture
def world() -> World:
    return World()


def registry(storage: dict[str, Any] | None = None, *, delete: bool = False, uid: str = "uid-1") -> HarborRegistry:
    spec: dict[str, Any] = {"externalURL": "https://cr.example.com"}
    if storage is not None:
        spec["storage"] = storage
    if delete:
        spec["deletionPolicy"] = {"storage": "Delete"}
    return HarborRegistry.parse({"metadata": {"name": "cr", "namespace": NAMESPACE, "uid": uid}, "spec": spec})


def swift(**more: Any) -> dict[str, Any]:
    base = {"authURL": "https://s3.example.com/auth/v1.0", "credentialsSecretRef": {"name": "swift"}}
    return {"swift": {**base, **more}}


def codes(cautions: tuple[Caution, ...]) -> list[Reason]:
    return [caution.code for caution in cautions]


async def test_no_section_is_not_requested(world: World) -> None:
    assert await world.step.converge(registry()) == NOT_REQUESTED
    assert isinstance(await world.step.dismantle(registry()), Done)
    assert world.writes() == []


async def test_a_volume_is_left_to_the_chart(world: World) -> None:
    outcome = await world.step.converge(registry({"filesystem": {"size": "9Gi", "storageClassName": "fast"}}))

    assert isinstance(outcome, Done)
    assert "a volume of 9Gi from storage class 'fast' will be claimed" in outcome.message


async def test_a_store_is_proven_and_only_the_mark_stays(world: World) -> None:
    outcome = await world.step.converge(registry(swift(chunkSizeMiB=7)))

    assert isinstance(outcome, Done)
    assert outcome.facts == Facts(storage_url="https://s3.example.com/swift/v1")
    assert codes(outcome.cautions) == [Reason.SWIFT_SUNSET]
    assert world.objects() == [MARKER]
    assert f"put {PROBE_PREFIX}chunk" in world.store.writes


async def test_a_second_pass_writes_nothing(world: World) -> None:
    first = await world.step.converge(registry(swift()))
    world.store.writes.clear()

    assert await world.step.converge(registry(swift())) == first
    assert world.writes() == []


@pytest.mark.parametrize("change", ["chunk", "url", "user"])
async def test_a_change_is_proven_again(world: World, change: str) -> None:
    await world.step.converge(registry(swift()))
    world.store.writes.clear()
    spec = swift(chunkSizeMiB=30) if change == "chunk" else swift()
    if change == "url":
        world.store.storage_url = "https://s3.example.com/swift/v1/AUTH_harbor"
    if change == "user":
        world.logins["harbor:other"] = "key"
        world.kube.put(NAMESPACE, "swift", {"username": "harbor:other", "password": "key"})

    assert isinstance(await world.step.converge(registry(spec)), Done)
    assert f"put {PROBE_PREFIX}chunk" in world.store.writes
    world.store.writes.clear()
    await world.step.converge(registry(spec))
    assert world.writes() == []


async def test_an_existing_container_is_never_made_again(world: World) -> None:
    world.store.containers["harbor"] = {"files/layer": Stored(b"x", 1)}

    assert isinstance(await world.step.converge(registry(swift())), Done)
    assert "container harbor" not in world.store.writes
    assert world.objects() == ["files/layer", MARKER]


async def test_leftovers_of_a_killed_pass_are_removed(world: World) -> None:
    leftover = f"{PROBE_PREFIX}segments/0000000000000009"
    world.store.containers["harbor"] = {leftover: Stored(b"x", 1)}

    assert isinstance(await world.step.converge(registry(swift())), Done)
    assert world.objects() == [MARKER]


async def test_a_wrong_storage_url_is_blocked_and_heals(world: World) -> None:
    world.store.storage_url = "http://s3.example.com:7480/swift/v1"

    outcome = await world.step.converge(registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_URL_MISMATCH
    assert "X-Storage-Url is 'http://s3.example.com:7480/swift/v1'" in outcome.message
    assert outcome.facts.storage_url == "http://s3.example.com:7480/swift/v1"
    assert codes(outcome.cautions) == [Reason.SWIFT_SUNSET]
    assert world.writes() == []

    world.store.storage_url = "https://s3.example.com/swift/v1"
    assert isinstance(await world.step.converge(registry(swift())), Done)


async def test_a_body_limit_is_found_by_the_chunk_and_leaves_nothing(world: World) -> None:
    world.store.body_limit = 20 * MIB

    with pytest.raises(Refused, match="21 MiB") as refusal:
        await world.step.converge(registry(swift(chunkSizeMiB=20)))

    assert refusal.value.reason is Reason.STORAGE_BODY_LIMIT
    assert world.objects() == []
    assert isinstance(await world.step.converge(registry(swift(chunkSizeMiB=19))), Done)


async def test_a_full_store_is_told_from_a_body_limit(world: World) -> None:
    world.store.room = MIB

    with pytest.raises(Refused) as refusal:
        await world.step.converge(registry(swift()))

    assert refusal.value.reason is Reason.STORAGE_QUOTA_EXCEEDED


async def test_lagging_listings_fail_the_proof(world: World) -> None:
    world.store.lagging_listings = True

    outcome = await world.step.converge(registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_PROBE_FAILED
    assert MARKER not in world.objects()


async def test_a_wrong_key_is_refused(world: World) -> None:
    world.logins[LOGIN] = "another"

    with pytest.raises(Refused) as refusal:
        await world.step.converge(registry(swift()))

    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED


async def test_a_store_that_is_down_is_unavailable(world: World) -> None:
    world.store.down = True

    with pytest.raises(Unavailable):
        await world.step.converge(registry(swift()))


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

    outcome = await world.step.converge(registry(swift()))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert "`spec.storage.swift.credentialsSecretRef`" in outcome.message


async def test_a_missing_ca_is_blocked(world: World) -> None:
    outcome = await world.step.converge(registry(swift(caSecretRef={"name": "s3-ca"})))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_MISSING
    assert "`spec.storage.swift.caSecretRef`" in outcome.message


async def test_a_container_of_a_living_registry_is_refused(world: World) -> None:
    await world.step.converge(registry(swift()))
    world.kube.registries = [{"metadata": {"namespace": "other", "name": "one", "uid": "uid-1"}}]
    world.store.writes.clear()

    outcome = await world.step.converge(registry(swift(), uid="uid-2"))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_CONTAINER_REFUSED
    assert "'other/one'" in outcome.message
    assert world.writes() == []


async def test_a_container_kept_from_an_earlier_life_is_taken_over(world: World) -> None:
    await world.step.converge(registry(swift()))

    assert isinstance(await world.step.converge(registry(swift(), uid="uid-2")), Done)
    marks = world.store.containers["harbor"][MARKER].marks
    assert "uid-2" in marks.values()


# Provisioning


async def test_user_login_and_quota_are_made_and_the_key_is_stored_first(world: World) -> None:
    world.without_login()
    world.rgw.down = True
    with pytest.raises(Unavailable):
        await world.step.converge(registry(swift(provision=PROVISION)))
    assert world.kube.values(NAMESPACE, "swift") == {"username": OUR_LOGIN, "password": "password-1"}

    world.rgw.down = False
    outcome = await world.step.converge(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Done)
    assert world.passwords == 1
    assert world.logins == {OUR_LOGIN: "password-1"}
    user = world.rgw.users["harbor"]
    assert user.quota == Quota(enabled=True, kib=5 * 1024 * 1024)


async def test_a_second_provisioning_pass_writes_nothing(world: World) -> None:
    world.without_login()
    first = await world.step.converge(registry(swift(provision=PROVISION)))
    for log in (world.kube.writes, world.store.writes, world.rgw.writes):
        log.clear()

    assert await world.step.converge(registry(swift(provision=PROVISION))) == first
    assert world.writes() == []


async def test_a_key_that_differs_is_set_again(world: World) -> None:
    world.without_login()
    await world.step.converge(registry(swift(provision=PROVISION)))
    user = world.rgw.users["harbor"]
    world.rgw.users["harbor"] = replace(user, swift_keys={OUR_LOGIN: SecretStr("meddled")})
    world.logins[OUR_LOGIN] = "meddled"
    world.rgw.writes.clear()

    assert isinstance(await world.step.converge(registry(swift(provision=PROVISION))), Done)
    assert world.rgw.writes == [f"login {OUR_LOGIN}"]
    assert world.logins[OUR_LOGIN] == "password-1"


async def test_a_login_chosen_by_the_user_is_provisioned_as_it_is(world: World) -> None:
    world.logins.clear()

    assert isinstance(await world.step.converge(registry(swift(provision=PROVISION))), Done)
    assert world.logins == {LOGIN: "key"}
    assert world.kube.writes == []


async def test_a_login_of_another_user_is_blocked(world: World) -> None:
    world.kube.put(NAMESPACE, "swift", {"username": "somebody:swift", "password": "key"})

    outcome = await world.step.converge(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert "must be 'harbor:SUBUSER'" in outcome.message
    assert world.writes() == []


async def test_a_suspended_user_is_blocked(world: World) -> None:
    world.rgw.users["harbor"] = RgwUser("harbor", "x", suspended=True)

    outcome = await world.step.converge(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert "suspended" in outcome.message


async def test_an_admin_without_rights_is_refused(world: World) -> None:
    world.rgw.powerless.add("access")

    with pytest.raises(Refused) as refusal:
        await world.step.converge(registry(swift(provision=PROVISION)))

    assert refusal.value.reason is Reason.STORAGE_PROVISIONING_REFUSED


async def test_a_missing_admin_secret_is_blocked_before_anything_is_made(world: World) -> None:
    world.without_login()
    del world.kube.secrets[NAMESPACE, "rgw-admin"]

    outcome = await world.step.converge(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_MISSING
    assert world.writes() == []


# Dismantling


async def test_data_is_kept_by_default(world: World) -> None:
    await world.step.converge(registry(swift()))
    world.store.writes.clear()

    outcome = await world.step.dismantle(registry(swift(provision=PROVISION)))

    assert isinstance(outcome, Done)
    assert "is kept with its RGW user and Secret" in outcome.message
    assert world.writes() == []


async def dismantled(world: World, wanted: HarborRegistry) -> Done:
    for _ in range(20):
        outcome = await world.step.dismantle(wanted)
        if isinstance(outcome, Done):
            return outcome
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.STORAGE_CLEANING_UP
    raise AssertionError("dismantling does not end")


async def test_delete_empties_and_removes_the_container(world: World) -> None:
    wanted = registry(swift(), delete=True)
    await world.step.converge(wanted)
    for name in ("files/a", "files/b", "segments/1"):
        world.store.containers["harbor"][name] = Stored(b"x", 1)

    outcome = await dismantled(world, wanted)

    assert outcome.message == "container 'harbor' is removed"
    assert world.store.containers == {}
    assert (NAMESPACE, "swift") in world.kube.secrets
    assert isinstance(await world.step.dismantle(wanted), Done)


async def test_delete_leaves_a_container_without_our_mark(world: World) -> None:
    world.store.containers["harbor"] = {"files/a": Stored(b"x", 1)}

    outcome = await dismantled(world, registry(swift(), delete=True))

    assert "does not carry the mark of this registry" in outcome.message
    assert world.objects() == ["files/a"]


async def test_delete_leaves_a_container_marked_by_another_registry(world: World) -> None:
    await world.step.converge(registry(swift()))

    await dismantled(world, registry(swift(), delete=True, uid="uid-2"))

    assert world.objects() == [MARKER]


async def test_delete_leaves_what_is_not_the_registrys(world: World) -> None:
    wanted = registry(swift(), delete=True)
    await world.step.converge(wanted)
    world.store.containers["harbor"] |= {"backup.tar": Stored(b"x", 1), "files/a": Stored(b"x", 1)}

    outcome = await dismantled(world, wanted)

    assert "('backup.tar')" in outcome.message
    assert world.objects() == ["backup.tar", MARKER]


async def test_delete_takes_back_the_login_the_user_and_the_secret(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    world.without_login()
    await world.step.converge(wanted)

    await dismantled(world, wanted)

    assert world.store.containers == {}
    assert world.rgw.users == {}
    assert (NAMESPACE, "swift") not in world.kube.secrets
    assert isinstance(await world.step.dismantle(wanted), Done)


async def test_delete_goes_on_after_a_crash_between_login_and_secret(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    world.without_login()
    await world.step.converge(wanted)
    world.store.containers.clear()
    world.rgw.users.clear()
    world.logins.clear()

    await dismantled(world, wanted)

    assert (NAMESPACE, "swift") not in world.kube.secrets


async def test_delete_keeps_a_user_that_was_there_before(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    world.without_login()
    world.rgw.users["harbor"] = RgwUser("harbor", "made by Rook")
    await world.step.converge(wanted)

    await dismantled(world, wanted)

    assert world.rgw.users["harbor"].subusers == {}


async def test_delete_keeps_a_user_that_owns_other_buckets(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    world.without_login()
    await world.step.converge(wanted)
    world.rgw.bucket_owners.add("harbor")

    await dismantled(world, wanted)

    assert "harbor" in world.rgw.users
    assert (NAMESPACE, "swift") not in world.kube.secrets


async def test_delete_keeps_a_login_that_the_user_chose(world: World) -> None:
    wanted = registry(swift(provision=PROVISION), delete=True)
    await world.step.converge(wanted)

    await dismantled(world, wanted)

    assert world.store.containers == {}
    assert world.logins == {LOGIN: "key"}
    assert (NAMESPACE, "swift") in world.kube.secrets


async def test_delete_without_the_secret_leaves_everything(world: World) -> None:
    wanted = registry(swift(), delete=True)
    await world.step.converge(wanted)
    del world.kube.secrets[NAMESPACE, "swift"]

    outcome = await world.step.dismantle(wanted)

    assert isinstance(outcome, Done)
    assert world.objects() == [MARKER]
