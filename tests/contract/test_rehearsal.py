"""Dumps of a real PostgreSQL server, and the scratch databases in which they are examined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.scratch_database import COMMENT, ScratchServer
from harbor_operator.api.backends import SslMode
from harbor_operator.kubectl.backups.postgres_programs import dump, require_version, restore
from harbor_operator.kubectl.backups.programs import ProgramFailed
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.model.backup import BlobEntry, MissingBlob
from harbor_operator.model.database import ObservedSchema, PostgresLogin, PostgresServer
from harbor_operator.ports import Unavailable
from lab.certs import Authority
from lab.postgres import Postgres
from lab.process import Processes

pytestmark = pytest.mark.lab

DATABASES = "SELECT datname FROM pg_database ORDER BY datname"
CONTENT = """
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
INSERT INTO schema_migrations VALUES (180, false);
CREATE TABLE registry (access_secret varchar(4096));
INSERT INTO registry VALUES ('<enc-v1>AAAA'), ('plain'), (NULL);
CREATE TABLE artifact (digest varchar(255));
CREATE TABLE artifact_blob (digest_af varchar(255), digest_blob varchar(255));
CREATE TABLE blob (digest varchar(255), content_type varchar(1024), size bigint);
INSERT INTO artifact VALUES ('m1'), ('m2');
INSERT INTO artifact_blob VALUES ('m1', 'm1'), ('m1', 'layer'), ('m1', 'foreign'), ('deleted', 'gone');
INSERT INTO blob VALUES ('m1', '', 3), ('m2', '', 3), ('layer', '', 7),
  ('foreign', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 7);
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    directory = tmp_path_factory.mktemp("rehearsal")
    processes = Processes(directory / "logs")
    try:
        postgres = Postgres.start(directory / "server", processes, Authority.create(directory / "ca"))
        postgres.query("CREATE DATABASE harbor")
        postgres.query(CONTENT, dbname="harbor")
        yield postgres
    finally:
        processes.stop_all()


@pytest.fixture
def dumped(postgres: Postgres, tmp_path: Path) -> Path:
    """A dump of the database."""
    try:
        require_version("pg_dump", int(postgres.query("SHOW server_version_num")[0][0]) // 10000)
    except CommandError as error:
        pytest.skip(str(error))
    server = PostgresServer(postgres.host, postgres.port, SslMode.VERIFY_FULL, postgres.ca_path.read_text())
    path = tmp_path / "harbor.dump"
    dump(server, PostgresLogin("postgres", SecretStr(postgres.admin_password), "the superuser"), "harbor", path, 60)
    return path


@pytest.fixture
def scratch(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> ScratchServer:
    monkeypatch.setenv("PGPASSWORD", postgres.provisioner_password)
    return ScratchServer(
        f"host={postgres.host} port={postgres.port} user={postgres.provisioner_user} dbname=postgres "
        f"sslmode=verify-full sslrootcert={postgres.ca_path}"
    )


def test_a_dump_is_loaded_examined_and_dropped(postgres: Postgres, dumped: Path, scratch: ScratchServer) -> None:
    before = postgres.query(DATABASES)
    with scratch.database() as database:
        assert len(scratch.leftovers()) == 1
        restore(database.conninfo, dumped, 60)
        assert database.read_schema() == ObservedSchema(180, is_dirty=False)
        assert database.read_encrypted() == [("registry.access_secret", "<enc-v1>AAAA")]
        inventory = [BlobEntry("m1", 3), BlobEntry("m2", 3), BlobEntry("layer", 7)]
        assert database.find_missing(inventory, 10, has_sizes=True) == []
        assert database.find_missing(inventory[1:2], 10, has_sizes=False) == [
            MissingBlob("m1", "layer", 7, None),
            MissingBlob("m1", "m1", 3, None),
        ]
        resized = [*inventory[:2], BlobEntry("layer", 0)]
        assert database.find_missing(resized, 10, has_sizes=False) == []
        assert database.find_missing(resized, 10, has_sizes=True) == [MissingBlob("m1", "layer", 7, 0)]
        assert len(database.find_missing([], 2, has_sizes=True)) == 2
    assert (postgres.query(DATABASES), scratch.leftovers()) == (before, [])


def test_a_database_is_dropped_after_an_error(postgres: Postgres, dumped: Path, scratch: ScratchServer) -> None:
    before = postgres.query(DATABASES)
    dumped.write_bytes(dumped.read_bytes()[:-200])
    with pytest.raises(ProgramFailed, match="pg_restore"), scratch.database() as database:
        restore(database.conninfo, dumped, 60)
    assert postgres.query(DATABASES) == before


def test_an_empty_database_proves_nothing(scratch: ScratchServer) -> None:
    with scratch.database() as database:
        assert (database.read_schema(), database.read_encrypted()) == (None, [])
        assert database.find_missing([], 10, has_sizes=True) == []


def test_a_database_that_a_killed_rehearsal_left_is_reported(postgres: Postgres, scratch: ScratchServer) -> None:
    postgres.query("CREATE DATABASE harbor_rehearsal_left")
    postgres.query(f"COMMENT ON DATABASE harbor_rehearsal_left IS '{COMMENT}'")
    assert scratch.leftovers() == ["harbor_rehearsal_left"]
    postgres.query("DROP DATABASE harbor_rehearsal_left")


def test_a_server_that_refuses_the_login_is_named(scratch: ScratchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with pytest.raises(Unavailable, match="password authentication failed"):
        scratch.leftovers()
