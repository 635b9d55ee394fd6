from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.storage import DesiredRgwUser, DesiredSwift, DesiredVolume, Provisioning, Quota, RgwUser
from harbor_operator.plan.storage import (
    FULL_ACCESS,
    MIB,
    is_disposable,
    is_segment,
    plan_provisioning,
    plan_storage,
    proof_digest,
    swift_segments,
)

KEY = SecretStr("key")


def registry(storage: dict[str, Any] | None, cluster: str = "cluster-1") -> HarborRegistry:
    spec: dict[str, Any] = {"externalURL": "https://cr.example.com"}
    if storage is not None:
        spec["storage"] = storage
    return HarborRegistry.parse(
        {"metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"}, "spec": spec}, cluster
    )


def swift(**more: Any) -> dict[str, Any]:
    base = {"authURL": "https://s3.example.com/auth/v1.0", "credentialsSecretRef": {"name": "swift"}}
    return {"swift": {**base, **more}}


def provision(quota: int | None = 5, cluster: str = "cluster-1") -> DesiredRgwUser:
    section = {"adminURL": "http://rgw:80", "adminSecretRef": {"name": "rgw-admin"}, "uid": "harbor"}
    desired = plan_storage(registry(swift(provision={**section, "quotaGiB": quota}), cluster))
    assert isinstance(desired, DesiredSwift)
    assert desired.provision is not None
    return desired.provision


def user(**more: Any) -> RgwUser:
    name = "harbor:intra.cr.a222a995"
    provisioned = RgwUser(
        "harbor", "harbor-operator cluster-1 intra/cr", {name: FULL_ACCESS}, {name: KEY}, quota=provision().quota
    )
    return replace(provisioned, **more)


def test_without_a_section_the_chart_decides() -> None:
    assert plan_storage(registry(None)) is None


def test_a_filesystem_is_a_volume() -> None:
    assert plan_storage(registry({"filesystem": {"size": "100Gi"}})) == DesiredVolume("100Gi", "")


def test_a_swift_section_is_a_container() -> None:
    desired = plan_storage(registry(swift(chunkSizeMiB=5, container="images")))

    assert desired == DesiredSwift(
        "https://s3.example.com/auth/v1.0", "images", CredentialsRef(name="swift"), None, 5 * MIB
    )


def test_each_registry_has_its_own_subuser() -> None:
    """Finding D6: also an equal registry of another cluster."""
    assert provision(cluster="cluster-2").username != provision().username
    assert provision().username == "harbor:intra.cr.a222a995"


@pytest.mark.parametrize(
    ("observed", "writes"),
    [
        (user(), Provisioning()),
        (None, Provisioning(create_user=True, set_login=True, set_quota=Quota(enabled=True, kib=5 * 1024 * 1024))),
        (user(swift_keys={"harbor:intra.cr.a222a995": SecretStr("old")}), Provisioning(set_login=True)),
        (user(subusers={"harbor:intra.cr.a222a995": "read"}), Provisioning(set_login=True)),
        (user(subusers={}), Provisioning(set_login=True)),
        (user(quota=Quota(enabled=True, kib=1)), Provisioning(set_quota=provision().quota)),
        (user(quota=Quota(enabled=False, kib=5 * 1024 * 1024)), Provisioning(set_quota=provision().quota)),
    ],
)
def test_only_the_difference_is_written(observed: RgwUser | None, writes: Provisioning) -> None:
    assert plan_provisioning(provision(), "harbor:intra.cr.a222a995", KEY, observed) == writes


def test_a_quota_is_removed_only_from_an_own_user() -> None:
    desired = provision(None)

    assert plan_provisioning(desired, "harbor:intra.cr.a222a995", KEY, user()).set_quota == Quota(enabled=False)
    assert plan_provisioning(desired, "harbor:intra.cr.a222a995", KEY, user(display_name="Rook's")).set_quota is None
    assert (
        plan_provisioning(desired, "harbor:intra.cr.a222a995", KEY, user(quota=Quota(enabled=False))) == Provisioning()
    )
    earlier = user(display_name="harbor-operator uid-1")
    assert plan_provisioning(desired, "harbor:intra.cr.a222a995", KEY, earlier).set_quota == Quota(enabled=False)
    other = user(display_name=provision(cluster="cluster-2").display_name)
    assert plan_provisioning(desired, "harbor:intra.cr.a222a995", KEY, other).set_quota is None
    assert plan_provisioning(desired, "harbor:intra.cr.a222a995", KEY, None).set_quota is None


def test_only_an_own_user_without_logins_is_disposable() -> None:
    unused = user(subusers={}, swift_keys={})

    assert is_disposable(provision(), unused)
    assert not is_disposable(provision(), user())
    assert not is_disposable(provision(), replace(unused, s3_keys={"access": SecretStr("secret")}))
    assert not is_disposable(provision(), replace(unused, display_name="harbor"))


def test_the_proof_digest_covers_every_dependency() -> None:
    desired = plan_storage(registry(swift()))
    assert isinstance(desired, DesiredSwift)

    def digest(desired: DesiredSwift, user: str = "u:swift", url: str = "https://s3/swift/v1") -> str:
        return proof_digest(desired, user, url)

    first = digest(desired)
    assert first == digest(desired)
    others = {
        digest(replace(desired, chunk_bytes=1)),
        digest(replace(desired, container="other")),
        digest(desired, user="v:swift"),
        digest(desired, url="https://s3:8443/swift/v1"),
    }
    assert len(others | {first}) == 5


@pytest.mark.parametrize(
    ("prefix", "folder"),
    [("files/", "segments/"), ("a/files/", "a/segments/"), ("", None), ("profiles/", None), ("files/a/", None)],
)
def test_the_swift_driver_lists_layers_only_in_a_folder_with_the_name_files(prefix: str, folder: str | None) -> None:
    assert swift_segments(prefix) == folder


@pytest.mark.parametrize(
    ("key", "is_of_swift"),
    [
        ("segments/2f6/46f636b65722f/0000000000000001", True),
        ("segments/2f6/46f636b65722f/1", False),
        ("segments/2f6/46f636b65722f", False),
        ("segments/harbor-operator/proof", False),
        ("segments/docker/registry/v2/blobs/x", False),
    ],
)
def test_a_segment_has_the_path_and_the_number_of_the_swift_driver(key: str, *, is_of_swift: bool) -> None:
    assert is_segment(key, "segments/") is is_of_swift
