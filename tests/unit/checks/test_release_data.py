from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.checks.release_data import (
    check_object_names,
    check_secret_key,
    check_storage,
    check_used_key,
    check_volumes,
    database_location,
    images_in_volume,
    key_digest,
)
from harbor_operator.reasons import Reason

EXTERNAL = {"type": "external", "external": {"host": "pg", "port": "5432", "coreDatabase": "registry"}}
SWIFT = {"imageChartStorage": {"type": "swift"}}
KEY = SecretStr("0123456789abcdef")


def volume(name: str, **values: Any) -> dict[str, Any]:
    return {"persistence": {"persistentVolumeClaim": {name: values}}}


@pytest.mark.parametrize(
    ("values", "location", "in_volume"),
    [
        ({}, (), True),
        ({"database": {"type": "internal"}, "persistence": {}}, (), True),
        ({"database": EXTERNAL, "persistence": SWIFT}, ("pg", "5432", "registry"), False),
    ],
)
def test_where_the_data_is(values: dict[str, Any], location: tuple[str, ...], in_volume: bool) -> None:
    assert database_location(values) == location
    assert images_in_volume(values) is in_volume


def test_absent_and_empty_values_are_the_same() -> None:
    assert check_object_names({"fullnameOverride": ""}, {}) is None
    assert check_volumes(volume("registry", subPath=""), {}) is None


def bucket(**s3: Any) -> dict[str, Any]:
    return {"persistence": {"imageChartStorage": {"type": "s3", "s3": s3}}}


def test_another_bucket_or_folder_does_not_have_the_images() -> None:
    deployed = bucket(bucket="images", rootdirectory="/harbor", regionendpoint="https://one")

    assert (
        check_storage(deployed, bucket(bucket="images", rootdirectory="harbor", regionendpoint="https://two")) is None
    )
    for other in (bucket(bucket="other", rootdirectory="/harbor"), bucket(bucket="images")):
        found = check_storage(deployed, other)
        assert found
        assert found.reason is Reason.STORAGE_TYPE_CHANGED
        assert "bucket 'images/harbor'" in found.message


def test_a_volume_that_nothing_uses_may_change() -> None:
    outside = {"database": EXTERNAL, "persistence": {**SWIFT, **volume("database", subPath="x")["persistence"]}}
    assert check_volumes({"database": EXTERNAL, "persistence": SWIFT}, outside) is None


@pytest.mark.parametrize("name", ["database", "registry"])
def test_a_volume_that_holds_data_must_not_change(name: str) -> None:
    """Finding D2."""
    blocked = check_volumes({}, volume(name, existingClaim="copy"))
    assert blocked
    assert blocked.reason is Reason.VOLUME_CHANGED
    assert f"`persistence.persistentVolumeClaim.{name}.existingClaim`" in blocked.message


@pytest.mark.parametrize(("given", "stored"), [(None, None), (KEY, None), (None, KEY), (KEY, KEY)])
def test_a_fitting_key_is_accepted(given: SecretStr | None, stored: SecretStr | None) -> None:
    assert check_secret_key(given, stored, "spec.release.secretKeyRef", "hreg-cr-pins") is None


@pytest.mark.parametrize(
    ("stored", "used"),
    [(None, key_digest(KEY)), (KEY, ""), (KEY, key_digest(KEY)), (SecretStr("damaged"), key_digest(KEY))],
)
def test_a_key_is_compared_only_with_a_record_and_if_it_is_whole(stored: SecretStr | None, used: str) -> None:
    assert check_used_key(stored, used, "hreg-cr-pins") is None
