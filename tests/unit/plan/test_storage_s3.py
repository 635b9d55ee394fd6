from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.s3 import DesiredS3, WriteOptions
from harbor_operator.model.storage import DesiredRgwUser, Provisioning, Quota, RgwUser
from harbor_operator.plan.storage import is_disposable, plan_s3_provisioning, plan_storage, s3_proof_digest

PROVISION = {"adminURL": "http://rgw:80", "adminSecretRef": {"name": "rgw-admin"}, "uid": "harbor", "quotaGiB": 5}
KEY = SecretStr("key")


def desired(cluster: str = "cluster-1", **more: Any) -> DesiredS3:
    s3 = {"endpoint": "https://s3.example.com", "credentialsSecretRef": {"name": "s3"}, **more}
    spec = {"externalURL": "https://cr.example.com", "storage": {"s3": s3}}
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    made = plan_storage(HarborRegistry.parse({"metadata": metadata, "spec": spec}, cluster))
    assert isinstance(made, DesiredS3)
    return made


def provision(cluster: str = "cluster-1") -> DesiredRgwUser:
    made = desired(cluster, provision=PROVISION).provision
    assert made is not None
    return made


def test_a_bucket_with_defaults() -> None:
    made = desired()
    assert (made.bucket, made.prefix, made.region, made.chunk_bytes) == ("harbor", "", "us-east-1", 10 << 20)
    assert (made.options, made.redirect, made.provision) == (WriteOptions(), False, None)
    assert (made.place.name, made.place.proof) == ("harbor", "harbor-operator/proof")


def test_a_folder_has_a_mark_of_its_own() -> None:
    made = desired(rootDirectory="team/a")
    assert (made.prefix, made.place.name, made.place.proof) == (
        "team/a/",
        "harbor/team/a",
        "team/a/harbor-operator/proof",
    )


def test_the_endpoint_is_without_default_port_and_slash() -> None:
    assert desired(endpoint="https://S3.example.com:443/").endpoint == "https://s3.example.com"


@pytest.mark.parametrize(
    "more",
    [
        {"endpoint": "s3.example.com"},
        {"endpoint": "https://s3.example.com/path"},
        {"bucket": "Upper"},
        {"bucket": "a/b"},
        {"rootDirectory": "/absolute"},
        {"chunkSizeMiB": 4},
        {"chunkSizeMiB": 2501},
        {"storageClass": "GLACIER"},
    ],
)
def test_what_the_driver_refuses_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        desired(**more)


@pytest.mark.parametrize(
    "more",
    [
        {"chunkSizeMiB": 20},
        {"region": "eu-1"},
        {"endpoint": "https://other.example.com"},
        {"rootDirectory": "team"},
        {"redirect": True},
        {"storageClass": "NONE"},
        {"encryption": {}},
    ],
)
def test_a_change_that_the_probe_depends_on_changes_the_digest(more: dict[str, Any]) -> None:
    assert s3_proof_digest(desired(), "a") != s3_proof_digest(desired(**more), "a")


def test_other_keys_change_the_digest() -> None:
    assert s3_proof_digest(desired(), "a") != s3_proof_digest(desired(), "b")


def test_the_access_key_differs_between_clusters() -> None:
    first, second = provision("cluster-1").username, provision("cluster-2").username
    assert first != second
    assert len(first) == 20
    assert first.startswith("HARBOR")
    assert first.isalnum()


@pytest.mark.parametrize(
    ("observed", "plan"),
    [
        (None, Provisioning(create_user=True, set_login=True, set_quota=Quota(enabled=True, kib=5 << 20))),
        ({}, Provisioning(set_login=True)),
        ({"s3_keys": {"A": SecretStr("old")}}, Provisioning(set_login=True)),
        ({"s3_keys": {"A": KEY}}, Provisioning()),
    ],
)
def test_provisioning_writes_the_difference(observed: dict[str, Any] | None, plan: Provisioning) -> None:
    wanted = provision()
    user = None if observed is None else RgwUser("harbor", wanted.display_name, quota=wanted.quota, **observed)
    assert plan_s3_provisioning(wanted, "A", KEY, user) == plan


def test_a_user_with_keys_is_not_disposable() -> None:
    wanted = provision()
    assert is_disposable(wanted, RgwUser("harbor", wanted.display_name))
    assert not is_disposable(wanted, RgwUser("harbor", wanted.display_name, s3_keys={"A": KEY}))
