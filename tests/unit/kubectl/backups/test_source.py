"""Which Secrets belong to a backup."""

from __future__ import annotations

import pytest
import yaml

from harbor_operator.kubectl.backups.source import S3Place, SwiftPlace, read_place, referenced_secrets
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.model.storage_migration import MigrationPhase
from lab.registries import example
from tests.fakes.kube import FakeKube
from tests.fakes.release import registry
from tests.unit.steps.storage_migration_fixture import MIGRATING, SOURCE, MigrationFixture


def test_every_secret_that_a_spec_names_is_found() -> None:
    (full,) = example("full.yaml")
    text = yaml.safe_dump(full["spec"])
    found = set(referenced_secrets(full["spec"]))
    assert {"pg-admin", "pg-ca", "redis", "swift", "s3-ca", "cr-ca"} <= found
    assert all(f"name: {name}" in text for name in found)


def test_values_come_from_secrets_and_config_maps() -> None:
    values = [{"kind": "Secret", "name": "mirror", "key": "a"}, {"kind": "ConfigMap", "name": "other", "key": "a"}]
    assert list(referenced_secrets({"release": {"valuesFrom": values}})) == ["mirror"]


async def test_the_images_are_listed_in_the_storage_that_the_release_uses() -> None:
    fixture = MigrationFixture()
    before = await read_place(fixture.kube, SOURCE)
    await fixture.run(MIGRATING)

    after = await read_place(fixture.kube, MIGRATING)

    assert isinstance(before, SwiftPlace)
    assert isinstance(after, S3Place)
    assert after.bucket.name == "images"


@pytest.mark.parametrize("phase", list(MigrationPhase)[:4])
async def test_a_backup_is_refused_while_a_migration_runs(phase: MigrationPhase) -> None:
    fixture = MigrationFixture()
    await fixture.until(phase)

    with pytest.raises(CommandError, match=f"are being migrated .phase {phase}."):
        await read_place(fixture.kube, MIGRATING)


async def test_a_bucket_without_keys_is_not_listed() -> None:
    s3 = {"endpoint": "https://s3.example.com", "ambientIdentity": {}}
    assert await read_place(FakeKube(), registry(storage={"s3": s3})) is None
