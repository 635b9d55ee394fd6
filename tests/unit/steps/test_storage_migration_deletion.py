"""The deletion of a registry during and after a migration: what is removed, what is retained, and what is named."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.model.outcomes import Done
from harbor_operator.model.storage_migration import MigrationPhase
from harbor_operator.plan.storage import PROOF_OBJECT
from tests.fakes.s3_store import StoredObject as S3Object
from tests.unit.steps.storage_migration_fixture import (
    MIGRATING,
    MIGRATION,
    SOURCE,
    SWIFT,
    TARGET,
    MigrationFixture,
    registry,
)


@pytest.fixture
def fixture() -> MigrationFixture:
    return MigrationFixture()


async def test_the_deletion_removes_the_target_and_never_the_source(fixture: MigrationFixture) -> None:
    await fixture.run(MIGRATING)
    policy = {"deletionPolicy": {"storage": "Delete"}}
    before = fixture.originals()

    kept = await fixture.storage.teardown(registry(SWIFT, **policy))
    assert isinstance(kept, Done)
    assert "no storage is removed" in kept.message
    for _ in range(5):
        removed = await fixture.storage.teardown(registry({**SWIFT, "migration": MIGRATION}, **policy))

    assert isinstance(removed, Done), removed.message
    assert fixture.originals() == before
    assert fixture.copies() == {}


async def mark_source(fixture: MigrationFixture) -> None:
    """Marks the container as the registry's, as if the images had come later."""
    images = fixture.swift.containers.pop("harbor")
    assert isinstance(await fixture.storage.reconcile(SOURCE), Done)
    fixture.swift.containers["harbor"].update(images)


@pytest.mark.parametrize("spec", [{**SWIFT, "migration": MIGRATION}, {"s3": TARGET}])
async def test_after_a_deletion_with_the_images_the_next_registry_can_use_the_source(
    fixture: MigrationFixture, spec: dict[str, Any]
) -> None:
    await mark_source(fixture)
    await fixture.run(MIGRATING)
    deleted = registry(spec, deletionPolicy={"storage": "Delete"})
    removed = [await fixture.storage.teardown(deleted) for _ in range(5)][-1]
    assert "container 'harbor' at 'https://s3.example.com/auth/v1.0' is retained" in removed.message
    again = SOURCE.model_copy(update={"metadata": SOURCE.metadata.model_copy(update={"uid": "uid-2"})})

    ready = await fixture.storage.reconcile(again)

    assert isinstance(ready, Done), ready.message
    assert await fixture.records.read(again) is None


@pytest.mark.parametrize("phase", [MigrationPhase.COUNTING, MigrationPhase.COPYING, MigrationPhase.VERIFYING])
async def test_a_deletion_with_the_images_removes_an_unfinished_copy(
    fixture: MigrationFixture, phase: MigrationPhase
) -> None:
    await mark_source(fixture)
    await fixture.until(phase)
    fixture.s3.buckets["images"]["other"] = S3Object((b"of another client",))
    deleted = registry({**SWIFT, "migration": MIGRATION}, deletionPolicy={"storage": "Delete"})

    messages = [(await fixture.storage.teardown(deleted)).message for _ in range(8)]

    assert any("copy of a migration: the images of bucket 'images' are removed" in one for one in messages), messages
    assert fixture.copies() == {}
    assert set(fixture.s3.buckets["images"]) == {"other"}
    assert "harbor" not in fixture.swift.containers
    assert fixture.record == {}


async def test_a_deletion_retains_an_unfinished_copy_and_names_it(fixture: MigrationFixture) -> None:
    await fixture.until(MigrationPhase.VERIFYING)
    before = fixture.copies()

    kept = await fixture.storage.teardown(MIGRATING)
    without = await fixture.storage.teardown(SOURCE)

    assert "container 'harbor' is retained" in kept.message
    assert "copy of a migration: bucket 'images' is retained" in kept.message
    assert "what a migration has copied to bucket 'images' at 'https://s3.example.com' is retained" in without.message
    assert fixture.copies() == before
    assert fixture.record["phase"] == MigrationPhase.VERIFYING


async def test_a_copy_without_the_mark_of_the_registry_is_not_removed(fixture: MigrationFixture) -> None:
    await fixture.until(MigrationPhase.VERIFYING)
    before = fixture.copies()
    deleted = registry({**SWIFT, "migration": MIGRATION}, deletionPolicy={"storage": "Delete"})
    del fixture.s3.buckets["images"][PROOF_OBJECT]

    kept = await fixture.storage.teardown(deleted)

    assert "copy of a migration: bucket 'images' is retained: it does not carry the mark" in kept.message
    assert fixture.copies() == before
