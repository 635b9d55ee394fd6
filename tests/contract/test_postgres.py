"""The Postgres port: the same cases against the fake and a real server, so that both behave the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.api.backends import SslMode
from harbor_operator.model.database import (
    Attribute,
    DesiredDatabases,
    LoginResult,
    Marker,
    ObservedServer,
    PostgresLogin,
    PostgresServer,
    WantedDatabase,
)
from harbor_operator.model.database_changes import AlterRole, Change, SetPassword
from harbor_operator.plan.database import plan_changes, plan_removal
from harbor_operator.ports import Refused
from harbor_operator.ports.postgres import Postgres
from harbor_operator.reasons import Reason
from lab.certs import Authority
from lab.postgres import Postgres as LabPostgres
from lab.process import Processes
from tests.fakes.postgres import FakePostgres, admin, marked

PASSWORD = SecretStr("aB3" * 10)
ORIGIN = "Secret 'pg-admin' (`spec.database.adminSecretRef`)"


@dataclass
class DatabaseFixture:
    """A server behind the port, and the desired state of one test: each test has its own names."""

    postgres: Postgres
    server: PostgresServer
    admin: PostgresLogin
    desired: DesiredDatabases
    changed: Callable[[], int]
    fake: FakePostgres | None = None
    lab: LabPostgres | None = None
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = [database.name for database in self.desired.databases]
        self.login = PostgresLogin(self.desired.role, PASSWORD, "Secret 'login'")

    async def read(self) -> ObservedServer:
        async with self.postgres.session(self.server, self.admin) as session:
            return await session.read(self.desired.role, self.names)

    async def apply(self, *changes: Change) -> None:
        async with self.postgres.session(self.server, self.admin) as session:
            assert await session.lock()
            await session.apply(changes)

    async def reconcile(self) -> None:
        await self.apply(*plan_changes(self.desired, await self.read(), PASSWORD))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPostgres]:
    directory = tmp_path_factory.mktemp("postgres")
    processes = Processes(directory / "logs")
    try:
        yield LabPostgres.start(directory / "server", processes, Authority.create(directory / "ca"))
    finally:
        processes.stop_all()


def _desired(test: str) -> DesiredDatabases:
    stem = "t_" + "".join(letter for letter in test if letter.isalnum())[-40:].lower()
    wanted = tuple(WantedDatabase(f"{stem}_{kind}", f"spec.database.names.{kind}") for kind in ("core", "clair"))
    return DesiredDatabases(stem, wanted, Marker("intra/cr", "uid-1"), 50, 10)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
def db(request: pytest.FixtureRequest) -> DatabaseFixture:
    desired = _desired(request.node.name)
    if request.param == "fake":
        fake = FakePostgres()
        login = PostgresLogin(fake.admin.name, SecretStr(fake.admin_password), ORIGIN)
        server = PostgresServer("pg.example.com", 5432, SslMode.VERIFY_FULL)
        return DatabaseFixture(fake, server, login, desired, lambda: len(fake.changes), fake=fake)
    return _real(request.getfixturevalue("lab"), desired)


def _real(lab: LabPostgres, desired: DesiredDatabases) -> DatabaseFixture:
    mark = lab.mark()
    return DatabaseFixture(
        PsycopgPostgres(),
        PostgresServer(lab.host, lab.port, SslMode.VERIFY_FULL, Path(lab.ca_path).read_text()),
        PostgresLogin(lab.provisioner_user, SecretStr(lab.provisioner_password), ORIGIN),
        desired,
        lambda: len([c for c in lab.changes_since(mark) if c.user == lab.provisioner_user]),
        lab=lab,
    )


@pytest.fixture
def real(request: pytest.FixtureRequest, lab: LabPostgres) -> DatabaseFixture:
    return _real(lab, _desired(request.node.name))


async def test_an_empty_server_holds_nothing_of_ours(db: DatabaseFixture) -> None:
    observed = await db.read()

    assert observed.role is None
    assert observed.databases == ()
    assert not observed.admin.is_superuser
    assert observed.admin.may_create_roles
    assert observed.admin.may_create_databases


async def test_the_desired_state_is_reached_and_a_second_read_finds_no_difference(db: DatabaseFixture) -> None:
    await db.reconcile()
    before = db.changed()
    observed = await db.read()

    assert plan_changes(db.desired, observed, PASSWORD) == ()
    assert observed.role
    assert (observed.role.comment, observed.role.connection_limit, observed.role.missing_attributes) == (
        db.desired.marker.comment,
        50,
        (),
    )
    expected = [marked(name, db.desired.role, db.desired.marker) for name in sorted(db.names)]
    assert sorted(observed.databases, key=lambda database: database.name) == expected
    assert before > 0
    assert db.changed() == before


async def test_the_role_logs_in_with_its_password_and_can_create_tables(db: DatabaseFixture) -> None:
    await db.reconcile()
    for name in db.names:
        login = await db.postgres.try_login(db.server, db.login, name)
        assert (login.result, login.may_create) == (LoginResult.ACCEPTED, True)


async def test_a_login_with_another_password_is_an_answer(db: DatabaseFixture) -> None:
    await db.reconcile()
    wrong = replace(db.login, password=SecretStr("wrong"))
    login = await db.postgres.try_login(db.server, wrong, db.names[0])
    assert login.result is LoginResult.WRONG_PASSWORD
    assert "wrong" not in login.error_message


async def test_a_password_is_set_again(db: DatabaseFixture) -> None:
    await db.reconcile()
    other = SecretStr("another0password")
    await db.apply(SetPassword(db.desired.role, other))
    login = await db.postgres.try_login(db.server, replace(db.login, password=other), db.names[0])
    assert login.result is LoginResult.ACCEPTED


async def test_a_login_into_a_database_that_is_not_there_is_refused(db: DatabaseFixture) -> None:
    await db.reconcile()
    login = await db.postgres.try_login(db.server, db.login, "nowhere")
    assert login.result is LoginResult.NO_DATABASE


async def test_a_wrong_admin_password_is_refused_by_name(db: DatabaseFixture) -> None:
    db.admin = replace(db.admin, password=SecretStr("wrong-password"))
    with pytest.raises(Refused) as refusal:
        await db.read()
    assert refusal.value.reason is Reason.DATABASE_CREDENTIALS_REJECTED
    assert ORIGIN in str(refusal.value)
    assert "wrong-password" not in str(refusal.value)


async def test_a_new_uid_is_written_over_the_old_one(db: DatabaseFixture) -> None:
    await db.reconcile()
    db.desired = replace(db.desired, marker=Marker("intra/cr", "uid-2"))
    await db.reconcile()
    observed = await db.read()
    assert observed.role
    assert {observed.role.comment, *(d.comment for d in observed.databases)} == {db.desired.marker.comment}


async def test_a_limit_that_drifted_is_set_again(db: DatabaseFixture) -> None:
    await db.reconcile()
    await db.apply(AlterRole(db.desired.role, 7, ()))
    assert (observed := (await db.read()).role)
    assert observed.connection_limit == 7
    await db.reconcile()
    assert (observed := (await db.read()).role)
    assert observed.connection_limit == 50


async def test_removal_takes_what_is_marked(db: DatabaseFixture) -> None:
    await db.reconcile()
    await db.apply(*plan_removal(db.desired, await db.read()))
    observed = await db.read()
    assert (observed.role, observed.databases) == (None, ())


async def test_removal_for_another_uid_takes_nothing(db: DatabaseFixture) -> None:
    await db.reconcile()
    other = replace(db.desired, marker=Marker("intra/cr", "uid-9"))
    assert plan_removal(other, await db.read()) == ()


async def test_an_admin_without_rights_is_refused(db: DatabaseFixture) -> None:
    if db.fake:
        db.fake.admin = admin("")
    if db.lab:
        db.lab.query(f"CREATE ROLE weak_{db.desired.role} LOGIN PASSWORD '{db.admin.password.get_secret_value()}'")
        db.admin = replace(db.admin, username=f"weak_{db.desired.role}")
    with pytest.raises(Refused) as refusal:
        await db.reconcile()
    assert refusal.value.reason is Reason.DATABASE_RIGHTS_MISSING


# What only a real server can show


@pytest.mark.lab
async def test_the_lock_keeps_the_second_session_out(real: DatabaseFixture) -> None:
    async with real.postgres.session(real.server, real.admin) as first:
        assert await first.lock()
        async with real.postgres.session(real.server, real.admin) as second:
            assert not await second.lock()
    async with real.postgres.session(real.server, real.admin) as third:
        assert await third.lock()


@pytest.mark.lab
async def test_the_clear_password_never_reaches_the_server(real: DatabaseFixture) -> None:
    assert real.lab
    mark = real.lab.mark()
    await real.reconcile()
    await real.apply(SetPassword(real.desired.role, PASSWORD))
    statements = [change.statement for change in real.lab.changes_since(mark)]
    assert any("SCRAM-SHA-256$" in statement for statement in statements)
    assert not any(PASSWORD.get_secret_value() in statement for statement in statements)


@pytest.mark.lab
async def test_another_role_cannot_connect(real: DatabaseFixture) -> None:
    assert real.lab
    await real.reconcile()
    real.lab.query(f"CREATE ROLE other_{real.desired.role} LOGIN PASSWORD 'x'")
    other = PostgresLogin(f"other_{real.desired.role}", SecretStr("x"), "Secret 'other'")
    assert (await real.postgres.try_login(real.server, other, real.names[0])).result is LoginResult.REFUSED


@pytest.mark.lab
async def test_rights_that_the_role_must_not_have_are_found_and_revoked(real: DatabaseFixture) -> None:
    assert real.lab
    await real.reconcile()
    real.lab.query(f"ALTER ROLE {real.desired.role} CREATEDB NOLOGIN VALID UNTIL '2020-01-01'")
    assert (role := (await real.read()).role)
    assert set(role.missing_attributes) == {Attribute.NO_CREATEDB, Attribute.LOGIN, Attribute.NO_EXPIRY}
    await real.reconcile()
    assert (role := (await real.read()).role)
    assert role.missing_attributes == ()


@pytest.mark.lab
async def test_a_superuser_transfers_schema_public_where_public_can_create(real: DatabaseFixture) -> None:
    assert real.lab
    real.admin = PostgresLogin(real.lab.admin_user, SecretStr(real.lab.admin_password), ORIGIN)
    old = replace(await real.read(), version=14)
    await real.apply(*plan_changes(real.desired, old, PASSWORD))
    owner = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'"
    assert real.lab.query(owner, dbname=real.names[0]) == [(real.desired.role,)]


@pytest.mark.lab
@pytest.mark.parametrize("has_bundle", [True, False])
async def test_another_authority_is_not_trusted(real: DatabaseFixture, tmp_path: Path, has_bundle: bool) -> None:
    real.server = replace(real.server, ca=Authority.create(tmp_path / "other").ca_pem if has_bundle else None)
    with pytest.raises(Refused) as refusal:
        await real.read()
    assert refusal.value.reason is Reason.CERTIFICATE_UNTRUSTED
    assert "spec.database.caSecretRef" in str(refusal.value)


@pytest.mark.lab
async def test_a_session_leaves_nothing_in_the_connection_of_a_pooler(real: DatabaseFixture) -> None:
    """Finding R18: PgBouncer in transaction mode hands a server connection to the next client as it is."""
    left = (
        "SELECT (SELECT count(*) FROM pg_settings WHERE name ~ 'timeout$' AND setting <> reset_val) + "
        "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), current_user::text"
    )
    async with real.postgres.session(real.server, real.admin) as session:
        assert await session.lock()
        await session.apply(plan_changes(real.desired, await session.read(real.desired.role, real.names), PASSWORD))
        found = await session._connection.execute(left)  # type: ignore[attr-defined]
        assert await found.fetchone() == (0, real.admin.username)


async def test_tables_of_harbor_are_found_and_others_are_not(db: DatabaseFixture) -> None:
    """Findings D1 and D2: an empty database and that of an earlier Harbor differ."""
    await db.reconcile()
    core = db.names[0]
    if db.lab:
        db.lab.query("CREATE TABLE other (id int)", dbname=core)
    assert not await db.postgres.has_harbor_tables(db.server, db.login, core)
    if db.lab:
        db.lab.query("CREATE TABLE schema_migrations (version bigint, dirty boolean)", dbname=core)
    if db.fake:
        db.fake.harbor_databases.add(core)
    assert await db.postgres.has_harbor_tables(db.server, db.login, core)
    assert not await db.postgres.has_harbor_tables(db.server, db.login, db.names[1])
