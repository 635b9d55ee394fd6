"""The API server rejects a migration of the storage that is impossible, and accepts the edits that follow one."""

from __future__ import annotations

import pytest

from lab.registries import merged
from tests.e2e.conftest import MakeRegistry
from tests.e2e.test_crd_rules import S3, SUSPENDED, SWIFT, VOLUME, Spec, refusal

pytestmark = pytest.mark.e2e


def test_the_target_of_a_migration_takes_the_place_of_the_source(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-migration")
    release = merged(SUSPENDED, {"release": {"version": "1.19.1"}})
    target = {**S3, "bucket": "images", "rootDirectory": "harbor"}
    source = merged(release, {"storage": {"swift": SWIFT}})
    migrating = merged(source, {"storage": {"migration": {"to": {"s3": target}}}})
    moved = merged(release, {"storage": {"s3": target}})
    registry.apply(source)
    assert "the storage type is immutable" in refusal(registry, moved)
    registry.apply(migrating)

    for field in ("bucket", "rootDirectory"):
        other = merged(release, {"storage": {"s3": {**target, field: "other"}}})
        assert "the storage type is immutable" in refusal(registry, other)
    registry.apply(moved)
    registry.apply(migrating)  # the operator refuses a target that is not complete, so the way back is open
    registry.apply(moved)

    third = merged(moved, {"storage": {"migration": {"to": {"s3": {**target, "bucket": "third"}}}}})
    registry.apply(third)
    registry.apply(merged(moved, {"storage": {"s3": {"bucket": "third"}}}))


def test_another_target_of_a_migration_is_refused(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-no-migration")
    cases: list[tuple[Spec, Spec, str]] = [
        ({"s3": S3}, {"s3": S3}, "must name another endpoint, bucket or folder than `s3`"),
        ({"swift": SWIFT}, {"s3": S3}, "must not be the name of the Swift container"),
        ({"filesystem": VOLUME}, {"s3": S3}, "needs `swift` or `s3` beside it"),
        ({"swift": SWIFT}, {"s3": {**S3, "bucket": "images", "adoptExisting": True}}, "has to be empty"),
        ({"swift": SWIFT}, {"swift": SWIFT}, "spec.storage.migration.to"),
    ]
    for source, to, words in cases:
        storage = {**source, "migration": {"to": to}}
        wanted = merged(SUSPENDED, {"release": {"version": "1.19.1"}, "storage": storage})
        assert words in refusal(registry, wanted)


def test_a_migration_needs_a_release(make_registry: MakeRegistry) -> None:
    storage = {"swift": SWIFT, "migration": {"to": {"s3": {**S3, "bucket": "images"}}}}
    assert "`storage.migration` needs `release`" in refusal(
        make_registry("rules-no-release"), merged(SUSPENDED, {"storage": storage})
    )
