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
from harbor_operator.model.release import StoredRelease
from harbor_operator.reasons import Reason

EXTERNAL = {"type": "external", "external": {"host": "pg", "port": "5432", "coreDatabase": "registry"}}
SWIFT = {"imageChartStorage": {"type": "swift"}}
KEY = SecretStr("0123456789abcdef")
OTHER_KEY = SecretStr("sixteen-letters0")


def stored(config: dict[str, Any], version: str = "1.19.1") -> StoredRelease:
    return StoredRelease(version, "", config, None, "")


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
    assert check_object_names("cr", stored({"fullnameOverride": ""}), "1.19.1", {}) is None
    assert check_volumes(volume("registry", subPath=""), {}) is None


@pytest.mark.parametrize(
    ("release", "before", "old", "version", "new"),
    [
        ("cr", "1.6.4", {}, "1.7.5", {}),
        ("harbor", "1.5.5", {}, "1.6.4", {}),
        ("harbor", "1.7.5", {}, "1.8.3", {}),
        ("harbor", "1.6.4", {}, "1.7.5", {"fullnameOverride": "harbor-harbor"}),
        ("my-images", "1.6.4", {"nameOverride": "images"}, "1.7.5",
         {"nameOverride": "images", "fullnameOverride": "my-images-images"}),
        ("cr", "1.7.5", {}, "1.8.3", {"fullnameOverride": "cr-harbor"}),
        ("cr", "1.7.5", {}, "1.8.3", {"nameOverride": "harbor"}),
    ],
)  # fmt: skip
def test_a_change_that_keeps_the_names_of_the_objects_is_accepted(
    release: str, before: str, old: dict[str, Any], version: str, new: dict[str, Any]
) -> None:
    assert check_object_names(release, stored(old, before), version, new) is None


@pytest.mark.parametrize(
    ("release", "old", "new", "kept"),
    [
        ("harbor", {}, {}, "harbor-harbor"),
        ("my-images", {"nameOverride": "images"}, {"nameOverride": "images"}, "my-images-images"),
        # Chart 1.6 does not read the value, and 1.7 does.
        ("cr", {"fullnameOverride": "images"}, {"fullnameOverride": "images"}, "cr-harbor"),
        ("harbor", {}, {"fullnameOverride": "images"}, "harbor-harbor"),
    ],
)
def test_a_chart_that_renames_the_objects_is_refused_with_the_value_that_keeps_them(
    release: str, old: dict[str, Any], new: dict[str, Any], kept: str
) -> None:
    """The volume `harbor-harbor-registry` of chart 1.6 is `harbor-registry` in 1.7, which is empty."""
    blocked = check_object_names(release, stored(old, "1.6.4"), "1.7.5", new)
    assert blocked
    assert blocked.reason is Reason.RELEASE_NAME_CHANGED
    assert f"`fullnameOverride` to '{kept}'" in blocked.message
    assert check_object_names(release, stored(old, "1.6.4"), "1.7.5", {**new, "fullnameOverride": kept}) is None


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ({}, {"fullnameOverride": "images"}, "fullnameOverride"),
        ({}, {"nameOverride": "images"}, "nameOverride"),
        # The names stay, and the selectors of the workloads do not.
        ({}, {"nameOverride": "images", "fullnameOverride": "cr-harbor"}, "nameOverride"),
    ],
)
def test_a_value_that_renames_the_objects_is_to_be_set_back(
    old: dict[str, Any], new: dict[str, Any], changed: str
) -> None:
    blocked = check_object_names("cr", stored(old), "1.19.1", new)
    assert blocked
    assert f"set `{changed}` back" in blocked.message


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
        assert "`spec.storage.migration`" in found.message


@pytest.mark.parametrize(
    ("old", "new", "offered"),
    [
        ("swift", "s3", True),
        ("swift", "filesystem", False),
        ("s3", "swift", False),
        ("s3", "gcs", False),
        ("filesystem", "s3", False),
        ("azure", "s3", False),
    ],
)
def test_a_migration_is_offered_only_where_one_exists(old: str, new: str, offered: bool) -> None:
    before, after = ({"persistence": {"imageChartStorage": {"type": driver}}} for driver in (old, new))
    found = check_storage(before, after)
    assert found
    assert f"with '{old}' and `spec.storage` now says '{new}'" in found.message
    assert "set `spec.storage` back" in found.message
    assert ("`spec.storage.migration`" in found.message) is offered


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
    ("given", "stored", "used"),
    [
        (None, None, key_digest(KEY)),
        (KEY, None, ""),
        (KEY, None, key_digest(KEY)),
        (None, KEY, ""),
        (None, KEY, key_digest(KEY)),
        (SecretStr("damaged"), None, key_digest(KEY)),
        (None, SecretStr("damaged"), key_digest(KEY)),
        (OTHER_KEY, KEY, key_digest(KEY)),  # `check_secret_key` refuses this
    ],
)
def test_a_key_is_compared_only_with_a_record_and_if_it_is_whole(
    given: SecretStr | None, stored: SecretStr | None, used: str
) -> None:
    assert check_used_key(given, stored, used, "spec.release.secretKeyRef", "hreg-cr-pins") is None


@pytest.mark.parametrize(
    ("given", "stored", "named"),
    [
        (OTHER_KEY, None, "the key that `spec.release.secretKeyRef` names is not"),
        (None, OTHER_KEY, "key 'secretKey' of Secret 'hreg-cr-pins' is not"),
        (KEY, OTHER_KEY, "key 'secretKey' of Secret 'hreg-cr-pins' is not"),
    ],
)
def test_a_key_that_harbor_never_used_is_refused_with_the_place_of_it(
    given: SecretStr | None, stored: SecretStr | None, named: str
) -> None:
    blocked = check_used_key(given, stored, key_digest(KEY), "spec.release.secretKeyRef", "hreg-cr-pins")
    assert blocked
    assert blocked.reason is Reason.SECRET_KEY_CHANGED
    assert named in blocked.message
    assert OTHER_KEY.get_secret_value() not in blocked.message
