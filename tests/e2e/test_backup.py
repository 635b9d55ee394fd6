"""`kubectl harbor backup` and `restore --rehearse`: a real registry, interrupted runs, and damaged bundles."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import jsonschema
import pytest

from harbor_operator.api.backup import READ_ONLY_SINCE
from harbor_operator.api.request_annotations import BACKUP_COMPLETED_AT
from harbor_operator.kubectl.cli import ERROR, INTERRUPTED
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.contract.kubectl_harbor import SCHEMAS
from tests.e2e.backup_fixture import SCHEMA, STORED_PASSWORD, Age, BackupFixture, levels
from tests.e2e.queries import listed
from tests.secret_values import spellings, values_of

pytestmark = pytest.mark.e2e

DUMP = "database-registry_intra.dump"


@pytest.fixture(scope="module")
def backups(full_registry: RegistryFixture, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackupFixture]:
    directory = tmp_path_factory.mktemp("backup")
    backups = BackupFixture(full_registry, Age(directory), directory)
    yield backups
    backups.remove_tables()


@pytest.fixture(scope="module")
def bundle(backups: BackupFixture) -> Path:
    """A complete bundle."""
    directory = backups.directory / "bundle"
    done = backups.harbor.run("backup", *backups.arguments(directory), "--acknowledge", "-o", "json")
    assert done.code == 0, done.err
    return directory


def test_a_bundle_is_complete_private_and_leaves_harbor_as_it_was(backups: BackupFixture, bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    jsonschema.validate(manifest, json.loads((SCHEMAS / "backup-manifest.json").read_text()))
    assert (manifest["registry"]["key"], manifest["leftOut"]) == ("intra/cr", [])
    assert [(one["name"], one["schemaVersion"]) for one in manifest["databases"]] == [("registry_intra", SCHEMA)]
    assert manifest["store"]["objects"] == len((bundle / "inventory.jsonl").read_text().splitlines())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in bundle.iterdir()}
    assert (stat.S_IMODE(bundle.stat().st_mode), modes) == (0o700, {0o600})
    assert not backups.is_read_only()
    annotations = backups.annotations()
    assert annotations[BACKUP_COMPLETED_AT] == manifest["createdAt"]
    assert READ_ONLY_SINCE not in annotations


def test_only_the_encrypted_file_contains_secrets(backups: BackupFixture, bundle: Path) -> None:
    secrets = {one["metadata"]["name"]: one for one in listed(backups.fixture.lab, "secrets", "-n", "intra")}
    restored = {
        one["metadata"]["name"]: one for one in json.loads(backups.age.decrypt(bundle / "secrets.json.age"))["items"]
    }
    assert {"hreg-cr-pins", "hreg-cr-admin-password", "hreg-cr-database-login", "swift", "pg-admin"} <= restored.keys()
    assert {name: one["data"] for name, one in restored.items()} == {name: secrets[name]["data"] for name in restored}
    plain = b"".join(path.read_bytes() for path in bundle.iterdir() if path.suffix != ".age")
    values = {value for secret in restored.values() for value in values_of(secret)}
    found = [value[:3] for value in values if any(text.encode() in plain for text in spellings(value))]
    assert (len(values) > 10, found) == (True, [])


def test_no_bundle_is_overwritten(backups: BackupFixture, bundle: Path) -> None:
    before = {path: path.read_bytes() for path in bundle.iterdir()}
    done = backups.harbor.run("backup", *backups.arguments(bundle))
    assert (done.code, "exists: name another" in done.err) == (2, True)
    assert {path: path.read_bytes() for path in bundle.iterdir()} == before


def test_a_bundle_passes_its_rehearsal_and_nothing_remains(backups: BackupFixture, bundle: Path) -> None:
    databases = "SELECT datname FROM pg_database ORDER BY datname"
    postgres = backups.fixture.lab.services.postgres
    before = postgres.query(databases)
    done = backups.rehearse(bundle)
    assert (done.code, levels(done)) == (0, {"ok": ["Passed"] * 6}), done.out + done.err
    jsonschema.validate(done.json, json.loads((SCHEMAS / "restore.json").read_text()))
    assert postgres.query(databases) == before
    assert STORED_PASSWORD not in done.out + done.err


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def without_blobs(content: bytes) -> bytes:
    return b"".join(line for line in content.splitlines(keepends=True) if b"/blobs/sha256/" not in line)


@pytest.mark.parametrize(
    ("name", "change", "errors"),
    [
        (DUMP, truncated, ["DumpUnreadable"]),
        ("inventory.jsonl", without_blobs, ["BlobsMissing"]),
        ("inventory.jsonl", truncated, ["InventoryUnreadable"]),
        ("secrets.json.age", truncated, ["SecretsUnreadable", "SecretKeyMissing"]),
    ],
)
def test_a_damaged_bundle_fails_its_rehearsal(
    backups: BackupFixture, bundle: Path, name: str, change: Callable[[bytes], bytes], errors: list[str]
) -> None:
    done = backups.rehearse(backups.changed(bundle, name, change))
    assert (done.code, levels(done)["error"]) == (1, errors), done.err


def test_a_file_with_another_digest_is_not_used(backups: BackupFixture, bundle: Path) -> None:
    done = backups.rehearse(backups.changed(bundle, DUMP, truncated, seal=False))
    assert (done.code, levels(done)["error"]) == (1, ["DigestDiffers", "DumpUnreadable"])


def test_a_wrong_secret_key_is_noticed(backups: BackupFixture, bundle: Path) -> None:
    changed = backups.changed(bundle, "secrets.json.age", lambda old: backups.with_secret_key(old, "0123456789abcdef"))
    done = backups.rehearse(changed)
    assert (done.code, levels(done)["error"]) == (1, ["SecretKeyWrong"])
    assert "registry.access_secret" in done.out


def test_another_identity_does_not_decrypt(backups: BackupFixture, bundle: Path) -> None:
    done = backups.rehearse(bundle, identity=backups.age.other_identity)
    assert (done.code, levels(done)["error"]) == (1, ["SecretsUnreadable", "SecretKeyMissing"])


def test_an_older_chart_does_not_start_on_the_schema(backups: BackupFixture, bundle: Path) -> None:
    done = backups.rehearse(bundle, "--chart-version", "1.18.0")
    assert (done.code, levels(done)["error"]) == (1, ["SchemaNewer"])
    assert "schema 180 is one of Harbor 2.15, and chart 1.18.0 knows only schemas up to 179" in done.out


def is_dumping(backups: BackupFixture) -> bool:
    waiting = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
    return bool(backups.fixture.lab.services.postgres.query(waiting))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, ERROR), (signal.SIGHUP, ERROR), (signal.SIGINT, INTERRUPTED)]
)
def test_an_interrupted_run_leaves_harbor_writable(backups: BackupFixture, number: signal.Signals, code: int) -> None:
    directory, postgres = backups.directory / f"interrupted-{number}", backups.fixture.lab.services.postgres
    password = backups.fixture.registry.secret("hreg-cr-database-login")["password"]
    with closing(postgres.connect(postgres.admin_user, postgres.admin_password, dbname=backups.database)) as locker:
        locker.autocommit = False
        locker.execute("LOCK TABLE artifact IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(backups.command(directory), stderr=subprocess.PIPE, env=backups.variables) as process:
            wait_until(lambda: is_dumping(backups), "pg_dump waits for the table", deadline=60)
            assert backups.is_read_only()
            assert READ_ONLY_SINCE in backups.annotations()
            assert password.encode() not in arguments_and_variables_of_pg_dump()
            process.send_signal(number)
            process.communicate(timeout=60)
    assert (process.returncode, directory.exists()) == (code, False)
    assert (backups.is_read_only(), READ_ONLY_SINCE in backups.annotations()) == (False, False)


def test_a_complete_bundle_is_kept_although_the_annotation_stays(backups: BackupFixture) -> None:
    directory, postgres = backups.directory / "kept", backups.fixture.lab.services.postgres
    command = backups.command(directory)
    with closing(postgres.connect(postgres.admin_user, postgres.admin_password, dbname=backups.database)) as locker:
        locker.autocommit = False
        locker.execute("LOCK TABLE artifact IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=backups.variables, text=True) as process:
            wait_until(lambda: is_dumping(backups), "pg_dump waits for the table", deadline=60)
            with backups.without_rights():
                locker.rollback()
                _, said = process.communicate(timeout=60)
    assert (process.returncode, "could not be removed" in said) == (1, True), said
    assert "`kubectl harbor backup cr -n intra --release`" in said
    assert json.loads((directory / "manifest.json").read_text())["leftOut"] == []
    assert (backups.is_read_only(), READ_ONLY_SINCE in backups.annotations()) == (False, True)
    released = backups.harbor.run("backup", "cr", "-n", "intra", "--release", "-o", "json")
    assert (released.code, READ_ONLY_SINCE in backups.annotations()) == (0, False)


def arguments_and_variables_of_pg_dump() -> bytes:
    found = b""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            text = (process / "cmdline").read_bytes()
            found += text + (process / "environ").read_bytes() if b"pg_dump\0" in text else b""
    assert found
    return found


def test_after_a_killed_run_the_next_one_says_how_to_make_harbor_writable(backups: BackupFixture) -> None:
    directory, postgres = backups.directory / "killed", backups.fixture.lab.services.postgres
    with closing(postgres.connect(postgres.admin_user, postgres.admin_password, dbname=backups.database)) as locker:
        locker.autocommit = False
        locker.execute("LOCK TABLE artifact IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(backups.command(directory), stderr=subprocess.PIPE, env=backups.variables) as process:
            wait_until(lambda: is_dumping(backups), "pg_dump waits for the table", deadline=60)
            process.kill()
            process.communicate(timeout=60)
    assert backups.is_read_only()
    backups.fixture.registry.wait_condition("Configured", "True")
    wait_until(
        lambda: "--release" in json.dumps(backups.fixture.registry.status()), "the operator notices", deadline=60
    )
    again = backups.harbor.run("backup", *backups.arguments(backups.directory / "again"))
    assert (again.code, "`kubectl harbor backup cr -n intra --release`" in again.err) == (2, True)
    unfinished = backups.rehearse(directory)
    assert (unfinished.code, "its backup did not finish" in unfinished.err) == (2, True)
    released = backups.harbor.run("backup", "cr", "-n", "intra", "--release", "-o", "json")
    assert (released.code, released.json["released"]) == (0, True)
    assert (backups.is_read_only(), READ_ONLY_SINCE in backups.annotations()) == (False, False)
