from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked, Done, Facts
from harbor_operator.model.s3 import BucketSettings, Upload
from harbor_operator.model.storage import Quota, RgwUser
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from tests.fakes.s3_store import StoredObject
from tests.unit.steps.s3_fixture import PROOF, S3Fixture, provisioned, registry
from tests.unit.steps.storage_fixture import NAMESPACE

IMAGE = "docker/registry/v2/blobs/x"
SEGMENT = "segments/2f6/46f636b6572/0000000000000001"


@pytest.fixture
def fixture() -> S3Fixture:
    return S3Fixture()


async def test_a_bucket_is_probed_and_only_the_mark_stays(fixture: S3Fixture) -> None:
    outcome = await fixture.step.reconcile(registry())

    assert isinstance(outcome, Done)
    assert "bucket 'harbor' at 'https://s3.example.com' passed the probe for access key 'ACCESS'" in outcome.message
    assert (outcome.facts, outcome.warnings) == (Facts(storage_url="https://s3.example.com/harbor"), ())
    assert list(fixture.objects) == [PROOF]
    assert fixture.store.uploads == {}
    assert "part harbor-operator/probe/joined 10485760" in fixture.store.writes


async def test_a_second_pass_writes_nothing_and_reads_twice(fixture: S3Fixture) -> None:
    first = await fixture.step.reconcile(registry())
    fixture.store.writes.clear()
    fixture.store.reads.clear()

    assert await fixture.step.reconcile(registry()) == first
    assert fixture.writes() == []
    assert fixture.store.reads == ["bucket harbor", f"metadata {PROOF}"]


async def test_a_change_is_probed_again(fixture: S3Fixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.store.writes.clear()

    assert isinstance(await fixture.step.reconcile(registry(chunkSizeMiB=7)), Done)
    assert "part harbor-operator/probe/joined 14680064" in fixture.store.writes


async def test_a_folder_has_its_own_mark_and_probe(fixture: S3Fixture) -> None:
    fixture.mark_as(**{"registry-uid": "other", "cluster": "c", "registry": "a/b"})

    assert isinstance(await fixture.step.reconcile(registry(rootDirectory="team/a")), Done)
    assert list(fixture.objects) == [PROOF, f"team/a/{PROOF}"]


async def test_a_missing_bucket_is_not_created(fixture: S3Fixture) -> None:
    fixture.store.buckets.clear()

    outcome = await fixture.step.reconcile(registry())

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_BUCKET_MISSING
    assert fixture.writes() == []


async def test_a_locked_bucket_is_not_probed(fixture: S3Fixture) -> None:
    fixture.store.settings = BucketSettings(keeps_versions=True, is_locked=True)

    outcome = await fixture.step.reconcile(registry())

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_BUCKET_LOCKED
    assert fixture.writes() == []


async def test_a_versioned_bucket_is_a_warning_in_each_pass(fixture: S3Fixture) -> None:
    fixture.store.settings = BucketSettings(keeps_versions=True)
    for _ in range(2):
        outcome = await fixture.step.reconcile(registry())
        assert isinstance(outcome, Done)
        assert [warning.code for warning in outcome.warnings] == [Reason.STORAGE_BUCKET_VERSIONED]


async def test_harbor_1_9_is_refused_on_a_rados_gateway(fixture: S3Fixture) -> None:
    outcome = await fixture.step.reconcile(registry(version="1.2.4"))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.S3_UNSUPPORTED
    assert isinstance(await fixture.step.reconcile(registry(version="1.3.0")), Done)


async def test_a_redirect_into_the_cluster_is_refused_before_any_request(fixture: S3Fixture) -> None:
    outcome = await fixture.step.reconcile(registry(endpoint="http://rgw.rook-ceph.svc", redirect=True))

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_REDIRECT_UNREACHABLE
    assert fixture.store.reads == []


async def test_wrong_keys_and_an_outage_have_their_reasons(fixture: S3Fixture) -> None:
    fixture.keys["ACCESS"] = SecretStr("other")
    with pytest.raises(Refused) as refusal:
        await fixture.step.reconcile(registry())
    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED
    fixture.store.down = True
    with pytest.raises(Unavailable):
        await fixture.step.reconcile(registry())


async def test_a_secret_without_its_key_is_named(fixture: S3Fixture) -> None:
    fixture.kube.put(NAMESPACE, "s3", {"accessKey": "ACCESS"})

    outcome = await attempt(fixture.step.reconcile, registry())

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_KEY_MISSING
    assert "`spec.storage.s3.credentialsSecretRef`" in outcome.message


async def test_listings_that_lag_are_found(fixture: S3Fixture) -> None:
    fixture.store.lagging_listings = True

    outcome = await fixture.step.reconcile(registry())

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_PROBE_FAILED
    assert "not listed" in outcome.message


async def test_leftovers_of_a_killed_pass_are_removed(fixture: S3Fixture) -> None:
    fixture.objects["harbor-operator/probe/joined"] = StoredObject((b"x",))
    fixture.store.uploads[Upload("harbor-operator/probe/stale", "old")] = {}
    fixture.store.uploads[Upload("docker/registry/v2/x", "of a push")] = {}

    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert list(fixture.objects) == [PROOF]
    assert list(fixture.store.uploads) == [Upload("docker/registry/v2/x", "of a push")]


async def test_images_without_a_mark_are_adopted_only_on_request(fixture: S3Fixture) -> None:
    fixture.objects["docker/registry/v2/blobs/x"] = StoredObject((b"x",))

    refused = await fixture.step.reconcile(registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.STORAGE_CONTAINER_REFUSED
    assert "`spec.storage.s3.adoptExisting: true`" in refused.message

    assert isinstance(await fixture.step.reconcile(registry(adoptExisting=True)), Done)
    assert fixture.objects[PROOF].metadata["harbor-operator-adopted"] == "true"


@pytest.mark.parametrize("adopts", [False, True])
@pytest.mark.parametrize("root", ["", "team/"])
async def test_images_that_the_swift_driver_wrote_are_not_even_adopted(
    fixture: S3Fixture, root: str, *, adopts: bool
) -> None:
    fixture.put(f"{root}files/{IMAGE}", f"{root}{SEGMENT}")

    refused = await fixture.step.reconcile(registry(adoptExisting=adopts, rootDirectory=f"{root}files"))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.STORAGE_CONTAINER_REFUSED
    assert f"(objects in '{root}segments/')" in refused.message
    assert "through S3, each layer has 0 B; delete this HarborRegistry" in refused.message
    assert "with another `spec.storage.s3.bucket`" in refused.message
    assert "adoptExisting" not in refused.message
    assert fixture.writes() == []


@pytest.mark.parametrize(
    ("folder", "keys"),
    [
        ("", (IMAGE, f"files/{IMAGE}", SEGMENT)),
        ("images", (f"images/{IMAGE}", f"files/{IMAGE}", SEGMENT)),
        ("files", (f"files/{IMAGE}", "segments/video1.ts")),
        ("files", (f"files/{IMAGE}", "segments/harbor-operator/proof", f"segments/{IMAGE}")),
        ("profiles", (f"profiles/{IMAGE}", f"pro{SEGMENT}")),
    ],
)
async def test_what_is_beside_the_images_is_no_reason_to_refuse_them(
    fixture: S3Fixture, folder: str, keys: tuple[str, ...]
) -> None:
    fixture.put(*keys)

    assert isinstance(await fixture.step.reconcile(registry(adoptExisting=True, rootDirectory=folder)), Done)


async def test_a_folder_that_the_keys_may_not_list_is_no_reason_to_refuse(fixture: S3Fixture) -> None:
    fixture.put(f"files/{IMAGE}", SEGMENT)
    fixture.store.hidden = "segments/"

    assert isinstance(await fixture.step.reconcile(registry(adoptExisting=True, rootDirectory="files")), Done)


async def test_the_images_are_checked_only_when_the_bucket_is_taken_up(fixture: S3Fixture) -> None:
    assert isinstance(await fixture.step.reconcile(registry(rootDirectory="files")), Done)
    fixture.put(f"files/{IMAGE}", SEGMENT)

    assert isinstance(await fixture.step.reconcile(registry(rootDirectory="files", chunkSizeMiB=7)), Done)


async def test_the_bucket_of_another_registry_is_refused(fixture: S3Fixture) -> None:
    fixture.mark_as(**{"registry-uid": "uid-9", "cluster": "cluster-9", "registry": "intra/cr"})

    outcome = await fixture.step.reconcile(registry())

    assert isinstance(outcome, Blocked)
    assert (
        "bucket 'harbor' is marked as the storage of HarborRegistry 'intra/cr' in cluster 'cluster-9'"
        in outcome.message
    )
    assert fixture.writes() == []


async def test_a_mark_that_another_client_writes_meanwhile_stays(fixture: S3Fixture) -> None:
    fixture.store.on_generated = lambda: fixture.mark_as(**{"registry-uid": "uid-9"})

    outcome = await fixture.step.reconcile(registry())

    assert isinstance(outcome, Blocked)
    assert "another client marked bucket 'harbor'" in outcome.message
    assert fixture.objects[PROOF].metadata == {"harbor-operator-registry-uid": "uid-9"}


async def test_user_keys_bucket_and_quota_are_provisioned_once(fixture: S3Fixture) -> None:
    fixture.without_keys()

    first = await fixture.step.reconcile(provisioned())

    assert isinstance(first, Done)
    secret = fixture.kube.values(NAMESPACE, "s3")
    assert secret["secretKey"] == "password-1"
    user = fixture.rgw.users["harbor"]
    assert user.display_name == "harbor-operator cluster-1 intra/cr"
    assert user.s3_keys == {secret["accessKey"]: SecretStr("password-1")}
    assert user.quota == Quota(enabled=True, kib=5 << 20)
    assert secret["accessKey"].startswith("HARBOR")
    for writes in (fixture.store.writes, fixture.rgw.writes, fixture.kube.writes):
        writes.clear()
    assert await fixture.step.reconcile(provisioned()) == first
    assert fixture.writes() == []


async def test_keys_that_differ_are_set_again(fixture: S3Fixture) -> None:
    fixture.without_keys()
    await fixture.step.reconcile(provisioned())
    access_key = fixture.kube.values(NAMESPACE, "s3")["accessKey"]
    user = fixture.rgw.users["harbor"]
    fixture.rgw.users["harbor"] = RgwUser(user.uid, user.display_name, s3_keys={access_key: SecretStr("x")})
    fixture.keys[access_key] = SecretStr("x")

    assert isinstance(await fixture.step.reconcile(provisioned()), Done)
    assert fixture.keys[access_key] == SecretStr("password-1")


async def test_the_keys_of_another_client_are_not_replaced(fixture: S3Fixture) -> None:
    fixture.rgw.users["harbor"] = RgwUser("harbor", "by hand", s3_keys={"ACCESS": SecretStr("other")})

    outcome = await attempt(fixture.step.reconcile, provisioned())

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_PROVISIONING_REFUSED
    assert "another client can be using that key" in outcome.message
    assert fixture.writes() == []


async def test_a_suspended_user_is_named(fixture: S3Fixture) -> None:
    fixture.rgw.users["harbor"] = RgwUser("harbor", "by hand", suspended=True)

    outcome = await attempt(fixture.step.reconcile, provisioned())

    assert isinstance(outcome, Blocked)
    assert "radosgw-admin user enable" in outcome.message


async def test_a_bucket_of_another_user_is_refused(fixture: S3Fixture) -> None:
    fixture.without_keys()
    fixture.store.owners["harbor"] = "another"

    outcome = await attempt(fixture.step.reconcile, provisioned())

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_CONTAINER_REFUSED
