"""Who owns a container and an RGW user: two clusters, an earlier version, and what is there already."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked, Done, Outcome
from harbor_operator.model.storage import RgwUser
from harbor_operator.plan.storage import FULL_ACCESS, PROBE_PREFIX, PROOF_OBJECT
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.object_store import Stored
from tests.unit.steps.storage_fixture import LOGIN, OUR_LOGIN, PROVISION, StorageFixture, registry, swift

OTHER = "cluster-2"


@pytest.fixture
def fixture() -> StorageFixture:
    return StorageFixture()


def refused(outcome: Outcome, reason: Reason = Reason.STORAGE_CONTAINER_REFUSED) -> str:
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    return outcome.message


async def reconcile(fixture: StorageFixture, cluster: str = "cluster-1", uid: str = "uid-1", **more: Any) -> Outcome:
    return await fixture.step.reconcile(registry(swift(**more), cluster=cluster, uid=uid))


async def test_the_mark_names_cluster_registry_and_uid(fixture: StorageFixture) -> None:
    """Finding D4."""
    await reconcile(fixture)
    names = {name: fixture.mark[f"harbor-operator-{name}"] for name in ("cluster", "registry", "registry-uid")}
    assert names == {"cluster": "cluster-1", "registry": "intra/cr", "registry-uid": "uid-1"}
    assert "harbor-operator-adopted" not in fixture.mark


async def test_a_container_of_another_cluster_is_refused_and_its_mark_stays(fixture: StorageFixture) -> None:
    """Finding D4: an equal manifest in a second cluster."""
    await reconcile(fixture)
    before = fixture.mark
    fixture.store.writes.clear()

    message = refused(await reconcile(fixture, OTHER, "uid-2"))

    assert "HarborRegistry 'intra/cr' in cluster 'cluster-1'" in message
    assert "create it again with another `spec.storage.swift.container`" in message
    assert "`spec.storage.swift.adoptExisting: true`" in message
    assert fixture.writes() == []
    assert fixture.mark == before


async def test_a_mark_that_appears_during_the_probe_stays(fixture: StorageFixture) -> None:
    """Finding D4: two clusters that see an empty container at the same time."""
    fixture.store.on_generated = lambda: fixture.mark_as(
        cluster=OTHER, registry="intra/cr", **{"registry-uid": "uid-2"}
    )
    assert "marked container 'harbor' while" in refused(await reconcile(fixture))
    assert fixture.mark["harbor-operator-cluster"] == OTHER
    assert f"in cluster '{OTHER}'" in refused(await reconcile(fixture))
    assert fixture.mark["harbor-operator-cluster"] == OTHER


async def test_two_clusters_that_both_adopt_do_not_mark_in_turns(fixture: StorageFixture) -> None:
    """Finding D4."""
    await reconcile(fixture, adoptExisting=True)
    assert isinstance(await reconcile(fixture, OTHER, "uid-2", adoptExisting=True), Done)
    taken = fixture.mark
    assert taken["harbor-operator-cluster"] == OTHER

    message = refused(await reconcile(fixture, adoptExisting=True))

    assert "was adopted by HarborRegistry 'intra/cr' in cluster 'cluster-2'" in message
    assert isinstance(await reconcile(fixture, OTHER, "uid-2", adoptExisting=True), Done)
    assert fixture.mark == taken


async def test_a_registry_that_is_created_again_takes_up_its_container(fixture: StorageFixture) -> None:
    """Finding R7: without another probe, and it remains removable."""
    await reconcile(fixture)
    fixture.store.writes.clear()

    assert isinstance(await reconcile(fixture, uid="uid-2"), Done)
    assert fixture.store.writes == [f"put {PROOF_OBJECT}"]
    assert isinstance(await fixture.step.teardown(registry(swift(), delete=True, uid="uid-2")), Done)
    assert fixture.objects() == []


WITH_DATABASE: dict[str, Any] = {
    "release": {"version": "1.19.1"},
    "database": {"host": "pg.example.com", "credentialsSecretRef": {"name": "pg"}},
}


async def recreated(fixture: StorageFixture, **more: Any) -> Outcome:
    """The pass of a registry that is created again, after the first one has stored an image."""
    fixture.kube.put("intra", "pg", {"username": "harbor", "password": "key"})
    await fixture.step.reconcile(registry(swift(), **WITH_DATABASE))
    fixture.store.containers["harbor"]["files/a"] = Stored(b"x", 1)
    fixture.store.writes.clear()
    return await fixture.step.reconcile(registry(swift(**more), uid="uid-2", **WITH_DATABASE))


async def test_images_are_not_used_beside_an_empty_database(fixture: StorageFixture) -> None:
    message = refused(await recreated(fixture))
    for words in (
        "the database of `spec.database` has no table",
        "Restore Secret 'hreg-cr-pins' and Secret 'hreg-cr-admin-password' with the labels, and then a dump",
        "`spec.release.secretKeyRef`",
        "delete this HarborRegistry with `spec.deletionPolicy.storage: Retain`",
        "create it again with another `spec.storage.swift.container`; `Delete` would remove them",
    ):
        assert words in message
    assert fixture.store.writes == []
    fixture.postgres.harbor_databases.add("registry")
    assert isinstance(await fixture.step.reconcile(registry(swift(), uid="uid-2", **WITH_DATABASE)), Done)
    fixture.postgres.down = True
    assert isinstance(await fixture.step.reconcile(registry(swift(), uid="uid-2", **WITH_DATABASE)), Done)


async def test_images_are_not_used_before_the_release_is_asked_for(fixture: StorageFixture) -> None:
    """The mark would name the new registry, and the release that is added afterwards would not be checked."""
    await recreated(fixture)
    without_release = {key: value for key, value in WITH_DATABASE.items() if key != "release"}
    refused(await fixture.step.reconcile(registry(swift(), uid="uid-2", **without_release)))
    assert fixture.store.writes == []


async def test_images_are_used_beside_an_empty_database_on_request(fixture: StorageFixture) -> None:
    assert isinstance(await recreated(fixture, adoptExisting=True), Done)
    await fixture.step.teardown(registry(swift(), uid="uid-2", delete=True, **WITH_DATABASE))
    assert "files/a" in fixture.objects()


async def test_images_wait_until_the_login_of_the_database_exists(fixture: StorageFixture) -> None:
    await recreated(fixture)
    del fixture.kube.secrets["intra", "pg"]
    with pytest.raises(Unavailable, match="Secret 'intra/pg'"):
        await fixture.step.reconcile(registry(swift(), uid="uid-2", **WITH_DATABASE))


async def test_a_retained_release_retains_its_container(fixture: StorageFixture) -> None:
    sections: dict[str, Any] = {
        "release": {"version": "1.19.1"},
        "deletionPolicy": {"release": "Retain", "storage": "Delete"},
    }
    await reconcile(fixture)
    outcome = await fixture.step.teardown(registry(swift(), **sections))
    assert isinstance(outcome, Done)
    assert "`spec.deletionPolicy.release` is 'Retain'" in outcome.message
    assert fixture.objects() == [PROOF_OBJECT]


@pytest.mark.parametrize("name", ["files/docker/registry/v2/x", "segments/1"])
async def test_a_container_with_images_and_no_mark_is_refused(fixture: StorageFixture, name: str) -> None:
    """Finding D4."""
    fixture.store.containers["harbor"] = {name: Stored(b"x", 1)}

    message = refused(await reconcile(fixture))

    assert "already holds the images of a Harbor" in message
    assert fixture.writes() == []
    assert fixture.objects() == [name]


async def test_an_adopted_container_is_never_removed(fixture: StorageFixture) -> None:
    """Finding D4: also after a new probe, without the field, and by a registry that is created again."""
    fixture.store.containers["harbor"] = {"files/a": Stored(b"x", 1)}
    assert isinstance(await reconcile(fixture, adoptExisting=True), Done)
    assert isinstance(await reconcile(fixture, uid="uid-2", chunkSizeMiB=30), Done)

    outcome = await fixture.step.teardown(registry(swift(), delete=True, uid="uid-2"))

    assert isinstance(outcome, Done)
    assert "it was adopted" in outcome.message
    assert "files/a" in fixture.objects()


async def test_a_container_of_another_cluster_that_is_adopted_is_never_removed(fixture: StorageFixture) -> None:
    """Finding D4."""
    await reconcile(fixture)
    assert isinstance(await reconcile(fixture, OTHER, "uid-2", adoptExisting=True), Done)

    outcome = await fixture.step.teardown(registry(swift(), delete=True, uid="uid-2", cluster=OTHER))

    assert isinstance(outcome, Done)
    assert fixture.objects() == [PROOF_OBJECT]


async def test_the_mark_of_an_earlier_version_is_completed_without_a_probe(fixture: StorageFixture) -> None:
    """Finding D4."""
    await reconcile(fixture)
    earlier = {name.removeprefix("harbor-operator-"): text for name, text in fixture.mark.items()}
    del earlier["cluster"], earlier["registry"]
    fixture.mark_as(**earlier)
    refused(await reconcile(fixture, uid="uid-2"))
    fixture.store.writes.clear()

    assert isinstance(await reconcile(fixture), Done)
    assert fixture.mark["harbor-operator-cluster"] == "cluster-1"
    assert f"put {PROBE_PREFIX}chunk" not in fixture.store.writes


async def test_two_clusters_share_an_rgw_user_with_a_subuser_each(fixture: StorageFixture) -> None:
    """Finding D6: neither changes the key of the other."""
    other = StorageFixture(logins=fixture.logins)
    other.store, other.rgw.users = fixture.store, fixture.rgw.users
    other.passwords = 70
    for each in (fixture, other):
        each.without_login()
    wanted = {key: value for key, value in PROVISION.items() if key != "quotaGiB"}
    for _ in range(2):
        assert isinstance(await reconcile(fixture, provision=wanted), Done)
        assert isinstance(await reconcile(other, OTHER, "uid-2", provision=wanted, container="second"), Done)

    assert sorted(fixture.logins.values()) == ["password-1", "password-71"]
    assert len(fixture.rgw.users["harbor"].subusers) == 2


async def test_a_copied_login_of_another_cluster_is_not_removed(fixture: StorageFixture) -> None:
    """Finding D6: a namespace that is restored in a second cluster has the Secrets of the first one."""
    fixture.without_login()
    assert isinstance(await reconcile(fixture, provision=PROVISION), Done)
    copy = registry(swift(provision=PROVISION, container="second"), delete=True, cluster=OTHER, uid="uid-2")
    assert isinstance(await fixture.step.reconcile(copy), Done)

    while not isinstance(await fixture.step.teardown(copy), Done):
        pass

    assert set(fixture.store.containers) == {"harbor"}
    assert fixture.logins == {OUR_LOGIN: "password-1"}


async def test_the_own_login_is_removed_although_the_container_is_retained(fixture: StorageFixture) -> None:
    """Finding D4: a registry that never could use the container must not leave a login to it."""
    fixture.mark_as(cluster=OTHER, registry="intra/cr", **{"registry-uid": "uid-2"})
    fixture.without_login()
    refused(await reconcile(fixture, provision=PROVISION))
    assert set(fixture.logins) == {OUR_LOGIN}

    outcome = await fixture.step.teardown(registry(swift(provision=PROVISION), delete=True))

    assert isinstance(outcome, Done)
    assert "container 'harbor' is retained" in outcome.message
    assert fixture.logins == {}
    assert set(fixture.store.containers) == {"harbor"}


async def test_a_key_in_use_by_another_client_is_not_replaced(fixture: StorageFixture) -> None:
    """Finding D6: the Secret names a subuser that the operator did not create."""
    for display_name in ("made by Rook", "harbor-operator cluster-2 intra/cr"):
        keys = {LOGIN: SecretStr("theirs")}
        fixture.rgw.users["harbor"] = RgwUser("harbor", display_name, {LOGIN: FULL_ACCESS}, keys)
        message = refused(await reconcile(fixture, provision=PROVISION), Reason.STORAGE_PROVISIONING_REFUSED)
        assert "another client can be using that key" in message
        assert fixture.rgw.writes == []


async def test_the_quota_of_another_registrys_user_is_not_changed(fixture: StorageFixture) -> None:
    """Finding D6: two registries do not set it in turns."""
    fixture.without_login()
    fixture.rgw.users["harbor"] = RgwUser("harbor", "harbor-operator cluster-2 intra/cr")

    message = refused(await reconcile(fixture, provision=PROVISION), Reason.STORAGE_PROVISIONING_REFUSED)

    assert "`spec.storage.swift.provision.quotaGiB`" in message
    assert fixture.rgw.writes == []


async def test_the_login_of_an_earlier_version_stays_and_is_removed_at_the_end(fixture: StorageFixture) -> None:
    """Finding D6: an upgrade of the operator changes no login."""
    fixture.without_login()
    wanted = registry(swift(provision=PROVISION), delete=True)
    values = {"username": "harbor:intra.cr", "password": "key"}
    labels = {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-name": "cr"}
    fixture.kube.put("intra", "swift", values, labels)

    assert isinstance(await fixture.step.reconcile(wanted), Done)
    assert fixture.logins == {"harbor:intra.cr": "key"}
    while not isinstance(await fixture.step.teardown(wanted), Done):
        pass
    assert fixture.logins == {}


async def test_the_keys_of_a_secret_are_selectable(fixture: StorageFixture) -> None:
    """Finding F17: the Secrets of Rook, and a user of a tenant."""
    fixture.without_login()
    fixture.kube.put("intra", "rook", {"AccessKey": "access", "SecretKey": "secret"})
    admin = {"name": "rook", "accessKeyKey": "AccessKey", "secretKeyKey": "SecretKey"}
    provision = {**PROVISION, "adminSecretRef": admin, "uid": "team$harbor"}
    login = {"name": "swift", "usernameKey": "user", "passwordKey": "key"}

    assert isinstance(await reconcile(fixture, provision=provision, credentialsSecretRef=login), Done)
    assert fixture.kube.values("intra", "swift")["user"].startswith("team$harbor:intra.cr.")
