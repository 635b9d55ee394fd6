"""The Storage and Release steps with a driver that the operator has no client for."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.release import NAMESPACE, registry
from tests.fakes.release_fixture import CR_CA, S3_CA, ReleaseFixture
from tests.fakes.storage_driver import AZURE, CREDENTIALS, GCS, KEYSTONE, S3, VALID
from tests.unit.steps.storage_fixture import StorageFixture


def with_driver(driver: dict[str, Any]) -> HarborRegistry:
    return registry(storage={"driver": driver})


async def test_the_condition_says_that_the_store_was_not_checked() -> None:
    fixture = StorageFixture()
    fixture.kube.put(NAMESPACE, "store", CREDENTIALS["azure"])
    outcome = await fixture.step.reconcile(with_driver(AZURE))
    assert isinstance(outcome, Done)
    assert "driver 'azure' (accountname 'images', container 'harbor')" in outcome.message
    assert "Secret 'store' contains AZURE_STORAGE_ACCESS_KEY" in outcome.message
    assert "after the release, RegistryReachable says whether the registry can use it" in outcome.message
    assert outcome.warnings == ()
    assert fixture.writes() == []


async def test_the_identity_of_the_pod_needs_no_secret() -> None:
    outcome = await StorageFixture().step.reconcile(with_driver(S3))
    assert isinstance(outcome, Done)
    assert "with the identity of its pod" in outcome.message


async def test_swift_ends_with_distribution_3_with_keystone_too() -> None:
    fixture = StorageFixture()
    fixture.kube.put(NAMESPACE, "store", CREDENTIALS["swift"])
    outcome = await fixture.step.reconcile(with_driver(KEYSTONE))
    assert [warning.code for warning in outcome.warnings] == [Reason.SWIFT_SUNSET]


async def test_a_secret_without_the_key_of_the_chart_is_refused() -> None:
    fixture = StorageFixture()
    fixture.kube.put(NAMESPACE, "store", {"accountkey": "x"})
    with pytest.raises(Refused, match="AZURE_STORAGE_ACCESS_KEY") as refused:
        await fixture.step.reconcile(with_driver(AZURE))
    assert refused.value.reason is Reason.SECRET_KEY_MISSING
    assert "`spec.storage.driver.secretRef`" in str(refused.value)


@pytest.mark.parametrize(
    ("driver", "value", "remedy"),
    [
        (AZURE, "key-of-azure", "a key of the storage account, which is base64: copy it again, whole"),
        (GCS, "key-of-google", "the JSON file of a service account"),
        (GCS, '{"type": "authorized_user", "client_email": "a", "private_key": "b"}', "with `client_email` and"),
        (GCS, '{"type": "service_account", "client_email": "a"}', "(kubectl create secret --from-file)"),
    ],
)
async def test_a_credential_with_which_the_registry_does_not_start_is_refused(
    driver: dict[str, Any], value: str, remedy: str
) -> None:
    fixture = StorageFixture()
    (key,) = CREDENTIALS[driver["name"]]
    fixture.kube.put(NAMESPACE, "store", {key: value})
    outcome = await fixture.step.reconcile(with_driver(driver))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert (
        f"'{key}' in Secret 'store' in namespace 'intra', named by `spec.storage.driver.secretRef`" in outcome.message
    )
    assert remedy in outcome.message
    assert value not in outcome.message


@pytest.mark.parametrize("driver", [AZURE, GCS], ids=lambda driver: driver["name"])
async def test_a_complete_credential_is_accepted(driver: dict[str, Any]) -> None:
    fixture = StorageFixture()
    fixture.kube.put(NAMESPACE, "store", CREDENTIALS[driver["name"]])
    assert isinstance(await fixture.step.reconcile(with_driver(driver)), Done)


async def test_the_images_are_retained() -> None:
    fixture = StorageFixture()
    outcome = await fixture.step.teardown(with_driver(AZURE))
    assert isinstance(outcome, Done)
    assert "are retained" in outcome.message
    assert fixture.writes() == []


@pytest.mark.parametrize("name", ["azure", "gcs", "oss", "swift"])
async def test_the_release_gets_a_copy_of_the_credential(name: str) -> None:
    release = ReleaseFixture()
    release.kube.put(NAMESPACE, "store", CREDENTIALS[name])
    release.spec(storage={"driver": {**VALID[name], "caSecretRef": {"name": "s3-ca"}}})
    await release.reconcile()
    assert release.kube.values(NAMESPACE, "hreg-cr-storage-login") == CREDENTIALS[name]
    assert release.kube.values(NAMESPACE, "hreg-cr-ca-bundle") == {"ca.crt": CR_CA + S3_CA}


async def test_a_credential_with_a_line_break_is_refused() -> None:
    release = ReleaseFixture()
    release.kube.put(NAMESPACE, "store", {"AZURE_STORAGE_ACCESS_KEY": "key\n"})
    release.spec(storage={"driver": AZURE})
    with pytest.raises(Refused, match="line break") as refused:
        await release.reconcile()
    assert refused.value.reason is Reason.SECRET_INVALID


IDENTITY = {"endpoint": "https://s3.example.com", "rootDirectory": "images", "ambientIdentity": {}}


async def test_a_bucket_without_keys_is_left_to_the_registry() -> None:
    fixture = StorageFixture()
    outcome = await fixture.step.reconcile(registry(storage={"s3": IDENTITY}))
    assert isinstance(outcome, Done)
    assert "driver 's3' (bucket 'harbor/images'): the registry logs in with the identity of its pod" in outcome.message
    assert "The operator has no keys for this store: after the release, RegistryReachable says" in outcome.message
    assert outcome.facts.storage_url is None
    assert fixture.writes() == []
    assert fixture.s3.reads == []


async def test_a_redirect_into_the_cluster_is_refused_without_keys_too() -> None:
    s3 = {**IDENTITY, "endpoint": "http://rgw.rook-ceph.svc", "redirect": True}
    outcome = await StorageFixture().step.reconcile(registry(storage={"s3": s3}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_REDIRECT_UNREACHABLE


async def test_the_images_of_a_bucket_without_keys_are_retained() -> None:
    outcome = await StorageFixture().step.teardown(registry(storage={"s3": IDENTITY}))
    assert isinstance(outcome, Done)
    assert outcome.message == "the images of driver 's3' (bucket 'harbor/images') are retained"


async def test_a_release_without_keys_has_no_copy_of_any() -> None:
    release = ReleaseFixture()
    release.spec(storage={"s3": IDENTITY})
    await release.reconcile()
    assert (NAMESPACE, "hreg-cr-storage-login") not in release.kube.secrets
