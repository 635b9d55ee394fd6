"""The API server rejects, at `kubectl apply`, what the registry's storage drivers cannot use."""

from __future__ import annotations

import pytest

from lab.registries import merged
from tests.e2e.conftest import MakeRegistry
from tests.e2e.test_crd_rules import S3, SUSPENDED, SWIFT, VOLUME, Spec, refusal
from tests.fakes.storage_driver import AZURE, GCS, KEYSTONE, VALID

pytestmark = pytest.mark.e2e

RELEASE: Spec = {"version": "1.19.1"}
IDENTITY: Spec = {"endpoint": "https://localhost:1", "ambientIdentity": {}}

REFUSED: dict[str, tuple[Spec, tuple[str, ...]]] = {
    "a container whose name is too short for RGW": (
        {"storage": {"swift": {**SWIFT, "container": "cr"}}},
        ("spec.storage.swift.container in body should",),
    ),
    "a chunk size as text": (
        {"storage": {"swift": {**SWIFT, "chunkSizeMiB": "5M"}}},
        ("HarborRegistry.spec.storage.swift.chunkSizeMiB", 'expected "integer"'),
    ),
    "a field of the chart that breaks Temp URLs": (
        {"storage": {"swift": {**SWIFT, "tempURLMethods": ["GET", "PUT"]}}},
        ("unknown field", "tempURLMethods"),
    ),
    "methods of Temp URLs that are none": (
        {"release": RELEASE, "storage": {"driver": merged(KEYSTONE, {"parameters": {"tempurlmethods": "GET+PUT"}})}},
        ("spec.storage.driver: Invalid value", "`parameters.tempurlmethods` must be methods with commas"),
    ),
    "a driver beside a container": (
        {"release": RELEASE, "storage": {"swift": SWIFT, "driver": AZURE}},
        ("spec.storage: Invalid value", "give exactly one of `swift`, `s3`, `filesystem` and `driver`"),
    ),
    "a parameter that the driver does not have": (
        {"release": RELEASE, "storage": {"driver": merged(AZURE, {"parameters": {"acountname": "x"}})}},
        ("spec.storage.driver: Invalid value", "must contain `accountname`, `container` and can contain `realm`"),
    ),
    "a credential among the parameters": (
        {"release": RELEASE, "storage": {"driver": merged(AZURE, {"parameters": {"accountkey": "x"}})}},
        ("spec.storage.driver: Invalid value", "credentials belong into the Secret of `secretRef`"),
    ),
    "a driver without its bucket": (
        {"release": RELEASE, "storage": {"driver": {**GCS, "parameters": {}}}},
        ("spec.storage.driver: Invalid value", "`parameters` of driver 'gcs' must contain `bucket`"),
    ),
    "a driver without its Secret": (
        {"release": RELEASE, "storage": {"driver": merged(AZURE, {"secretRef": None})}},
        ("spec.storage.driver: Invalid value", "driver 'azure' needs `secretRef`"),
    ),
    "a key beside the identity of the pod": (
        {"release": RELEASE, "storage": {"driver": merged(GCS, {"parameters": {"useWorkloadIdentity": "true"}})}},
        ("spec.storage.driver: Invalid value", "needs exactly one of `secretRef` and"),
    ),
    "a chunk size with a unit": (
        {"release": RELEASE, "storage": {"driver": merged(GCS, {"parameters": {"chunksize": "5M"}})}},
        ("spec.storage.driver: Invalid value", "`parameters.chunksize` must be a number of bytes"),
    ),
    "a chunk size that Google does not accept": (
        {"release": RELEASE, "storage": {"driver": merged(GCS, {"parameters": {"chunksize": "300000"}})}},
        ("spec.storage.driver: Invalid value", "at least 262144, and a multiple of 262144"),
    ),
    "a container that Azure does not accept": (
        {"release": RELEASE, "storage": {"driver": merged(AZURE, {"parameters": {"container": "Images"}})}},
        ("spec.storage.driver: Invalid value", "Azure accepts 3 to 24 lower-case letters and digits"),
    ),
    "a parameter that breaks the configuration of the registry": (
        {"release": RELEASE, "storage": {"driver": merged(GCS, {"parameters": {"rootdirectory": "a: b"}})}},
        ("spec.storage.driver.parameters.rootdirectory in body should match",),
    ),
    "a volume as a driver": (
        {"release": RELEASE, "storage": {"driver": {**AZURE, "name": "filesystem"}}},
        ("spec.storage.driver.name: Unsupported value",),
    ),
    "a driver without a release": ({"storage": {"driver": AZURE}}, ("`storage.driver` needs `release`",)),
    "a bucket without a login": (
        {"storage": {"s3": {"endpoint": "https://localhost:1"}}},
        ("spec.storage.s3: Invalid value", "give exactly one of `credentialsSecretRef` and `ambientIdentity`"),
    ),
    "keys beside an identity": (
        {"release": RELEASE, "storage": {"s3": {**S3, "ambientIdentity": {}}}},
        ("spec.storage.s3: Invalid value", "give exactly one of `credentialsSecretRef` and `ambientIdentity`"),
    ),
    "an adopted bucket without keys": (
        {"release": RELEASE, "storage": {"s3": {**IDENTITY, "adoptExisting": True}}},
        ("spec.storage.s3: Invalid value", "`provision` and `adoptExisting` need `credentialsSecretRef`"),
    ),
    "an identity without a release": (
        {"storage": {"s3": IDENTITY}},
        ("`storage.s3.ambientIdentity` needs `release`",),
    ),
    "a bucket without keys that would have to be deleted": (
        {"release": RELEASE, "storage": {"s3": IDENTITY}, "deletionPolicy": {"storage": "Delete"}},
        ("`deletionPolicy.storage: Delete` is not possible with `storage.s3.ambientIdentity`",),
    ),
    "a migration from a bucket without keys": (
        {"release": RELEASE, "storage": {"s3": IDENTITY, "migration": {"to": {"s3": {**S3, "bucket": "new"}}}}},
        ("`migration` needs `credentialsSecretRef`",),
    ),
    "a migration to a bucket without keys": (
        {"release": RELEASE, "storage": {"swift": SWIFT, "migration": {"to": {"s3": {**IDENTITY, "bucket": "new"}}}}},
        ("`migration` needs `credentialsSecretRef`",),
    ),
    "a driver whose images would have to be deleted": (
        {"release": RELEASE, "storage": {"driver": AZURE}, "deletionPolicy": {"storage": "Delete"}},
        ("`deletionPolicy.storage: Delete` is not possible with `storage.driver`",),
    ),
}


def test_an_invalid_driver_is_rejected_with_the_reason(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-driver-bad")
    for name, (changes, expected) in REFUSED.items():
        message = refusal(registry, merged(SUSPENDED, changes))
        assert [text for text in expected if text not in message] == [], f"{name}: {message}"
        assert registry.is_gone(), name


@pytest.mark.parametrize("name", VALID)
def test_a_driver_is_accepted_and_its_location_is_immutable(make_registry: MakeRegistry, name: str) -> None:
    registry = make_registry(f"rules-driver-{name}")
    driver = merged(SUSPENDED, {"release": RELEASE, "storage": {"driver": VALID[name]}})
    registry.apply(driver)

    assert "the storage type is immutable" in refusal(
        registry, merged(SUSPENDED, {"release": RELEASE, "storage": {"filesystem": VOLUME}})
    )
    other = next(driver for other, driver in VALID.items() if other != name)
    assert "`name` is immutable" in refusal(
        registry, merged(SUSPENDED, {"release": RELEASE, "storage": {"driver": other}})
    )
    place = "bucket" if "bucket" in VALID[name]["parameters"] else "container"
    moved = merged(driver, {"storage": {"driver": {"parameters": {place: "other"}}}})
    assert "are immutable: they say where the images are" in refusal(registry, moved)


def test_keys_and_an_identity_replace_each_other(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-identity")
    for login in ({"s3": S3}, {"s3": IDENTITY}, {"s3": S3}):
        registry.apply(merged(SUSPENDED, {"release": RELEASE, "storage": login}))
