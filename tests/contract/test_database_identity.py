"""What the Database step takes up, hands over and leaves alone on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.database import DatabaseStep
from lab.postgres import Postgres
from tests.contract.database_server import (  # noqa: F401 - fixtures
    DELETE,
    DatabaseFixture,
    create_role,
    database_of_test,
    host_rule,
    server_of_module,
)
from tests.fakes.database_fixture import with_identity

pytestmark = pytest.mark.lab

GIVEN_PASSWORD = "own-p@ss:w/rd#1%="

OWNED_BY_ROLE = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"


def in_cluster(fixture: DatabaseFixture, cluster: str, uid: str = "uid-1") -> HarborRegistry:
    return with_identity(fixture.registry(), uid, cluster)


def migrate(server: Postgres, database: str, version: int, *, dirty: bool = False) -> None:
    """Leaves what Harbor's migrations leave; the owner of the database owns the table."""
    ((owner,),) = server.query(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()", dbname=database
    )
    for statement in (
        "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",
        f'ALTER TABLE schema_migrations OWNER TO "{owner}"',
        f"INSERT INTO schema_migrations VALUES ({version}, {dirty})",  # noqa: S608
    ):
        server.query(statement, dbname=database)


def transfer(message: str) -> str:
    """Returns the statements that a message prints for a superuser in the database."""
    return message.split("run (", 1)[1].removesuffix(")")


async def test_another_cluster_changes_nothing_also_without_a_session(fixture: DatabaseFixture) -> None:
    """Finding D5."""
    assert isinstance(await fixture.step.reconcile(in_cluster(fixture, "cluster-a")), Done)
    login = fixture.kube.values("intra", f"hreg-{fixture.name}-database-login")
    other = DatabaseFixture(fixture.server, fixture.name)
    other.step = DatabaseStep(other.kube, PsycopgPostgres(), lambda: SecretStr("another0password"))
    refused = await other.step.reconcile(in_cluster(other, "cluster-b", "uid-2"))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_OWNED_BY_OTHER
    assert other.changes() == []
    with fixture.server.connect(login["username"], login["password"], dbname=f"core_{fixture.name}"):
        pass


async def test_a_registry_that_is_created_again_takes_up_its_databases(fixture: DatabaseFixture) -> None:
    """Finding R7: also when its login Secret is lost."""
    assert isinstance(await fixture.step.reconcile(in_cluster(fixture, "cluster-a")), Done)
    again = DatabaseFixture(fixture.server, fixture.name)
    assert isinstance(await again.step.reconcile(in_cluster(again, "cluster-a", "uid-2")), Done)
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    found = again.server.query(comment, dbname=f"core_{fixture.name}")
    assert found == [(f"harbor-operator.io cluster=cluster-a registry=intra/{fixture.name} uid=uid-2",)]


async def test_a_creation_that_was_killed_before_the_comment_is_finished(fixture: DatabaseFixture) -> None:
    """Finding D8."""
    await killed_in_creation(fixture)
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")


async def test_a_creation_that_was_killed_before_the_comment_is_removed(fixture: DatabaseFixture) -> None:
    """Finding D8."""
    await killed_in_creation(fixture)
    assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")
    assert (fixture.role,) not in fixture.server.query("SELECT rolname FROM pg_roles")


async def killed_in_creation(fixture: DatabaseFixture) -> None:
    """Ends the operator's session after CREATE DATABASE: a lock on the comments makes the next statement wait."""
    await fixture.step.reconcile(fixture.registry())
    fixture.server.query(f"DROP DATABASE core_{fixture.name}")
    with fixture.server.connect(fixture.server.admin_user, fixture.server.admin_password) as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE pg_shdescription IN EXCLUSIVE MODE")
        waits = asyncio.create_task(fixture.step.reconcile(fixture.registry()))
        waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COMMENT ON DATABASE%'"
        while not await asyncio.to_thread(fixture.server.query, f"SELECT pg_terminate_backend(pid) {waiting}"):
            assert not waits.done()
        with pytest.raises(Unavailable):
            await waits
    assert fixture.exists(f"core_{fixture.name}")


@pytest.mark.parametrize("has_other_database", [False, True])
async def test_a_database_is_handed_over_with_its_tables_and_nothing_else(
    fixture: DatabaseFixture, has_other_database: bool
) -> None:
    """Finding D9."""
    server, old, core = fixture.server, f"old_{fixture.name}", f"core_{fixture.name}"
    server.query(f"CREATE ROLE {old} LOGIN")
    server.query(f"CREATE DATABASE {core} OWNER {old}")
    if has_other_database:
        server.query(f"CREATE DATABASE wiki_{fixture.name} OWNER {old}")
    for statement in ("CREATE TABLE project (id serial)", f"ALTER TABLE project OWNER TO {old}"):
        server.query(statement, dbname=core)
    refused = await fixture.step.reconcile(fixture.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_OWNED_BY_OTHER

    server.query(transfer(refused.message), dbname=core)
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert server.query(OWNED_BY_ROLE, dbname=core) == [(fixture.role,)]
    owned = server.query("SELECT datname::text, pg_get_userbyid(datdba)::text FROM pg_database")
    assert [name for name, owner in owned if owner == old] == ([f"wiki_{fixture.name}"] if has_other_database else [])


@pytest.mark.parametrize("is_superuser", [False, True])
async def test_tables_that_stayed_with_their_role_are_found(fixture: DatabaseFixture, is_superuser: bool) -> None:
    """Finding D9: as the statements of operator 0.1.0 left them."""
    server, core = fixture.server, f"core_{fixture.name}"
    await fixture.step.reconcile(fixture.registry())
    old = server.admin_user if is_superuser else f"old_{fixture.name}"
    if not is_superuser:
        server.query(f"CREATE ROLE {old} LOGIN")
    for statement in ("CREATE TABLE project (id serial)", f"ALTER TABLE project OWNER TO {old}"):
        server.query(statement, dbname=core)
    refused = await fixture.step.reconcile(fixture.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_RIGHTS_MISSING
    assert f"table 'project' in schema 'public' of database '{core}' belongs to role '{old}'" in refused.message

    server.query(refused.message.split(" and run: ", 1)[1], dbname=core)
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert server.query(OWNED_BY_ROLE, dbname=core) == [(fixture.role,)]


@pytest.mark.parametrize("given", ["adminSecretRef", "credentialsSecretRef"])
async def test_an_existing_login_and_database_are_used_as_they_are(fixture: DatabaseFixture, given: str) -> None:
    """Finding D10."""
    server, own, core = fixture.server, f"own_{fixture.name}", f"core_{fixture.name}"
    create_role(server, own, GIVEN_PASSWORD)
    server.query(f"CREATE DATABASE {core} OWNER {own}")
    fixture.give_admin(own, GIVEN_PASSWORD)
    fixture.mark = server.mark()
    registry = with_login(fixture, given, **DELETE)
    for _ in range(2):
        assert isinstance(await fixture.step.reconcile(registry), Done)
    assert isinstance(await fixture.step.teardown(registry), Done)
    assert fixture.changes() == []
    with server.connect(own, GIVEN_PASSWORD, dbname=core):
        pass


async def test_a_password_that_harbor_cannot_use_is_replaced(fixture: DatabaseFixture) -> None:
    """Harbor's core writes the password into a connection string without quotes."""
    own = f"own_{fixture.name}"
    create_role(fixture.server, own, "two words")
    fixture.server.query(f"CREATE DATABASE core_{fixture.name} OWNER {own}")
    fixture.give_admin(own, "two words")
    registry = with_login(fixture, "credentialsSecretRef")
    refused = await fixture.step.reconcile(registry)
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.SECRET_INVALID
    assert "contains white space, a quote or a backslash, which Harbor cannot use" in refused.message
    assert "set another password for the role" in refused.message

    with fixture.server.connect(own, "two words", dbname=f"core_{fixture.name}") as session:
        verifier = session.pgconn.encrypt_password(GIVEN_PASSWORD.encode(), own.encode()).decode()
        session.execute(f"ALTER ROLE {own} PASSWORD '{verifier}'".encode())
    fixture.give_admin(own, GIVEN_PASSWORD)
    assert isinstance(await fixture.step.reconcile(registry), Done)


async def test_an_admin_login_with_the_name_of_harbors_role_keeps_its_password(fixture: DatabaseFixture) -> None:
    """Finding D10."""
    create_role(fixture.server, fixture.role, "own0password", "CREATEDB")
    fixture.server.query(f"CREATE DATABASE core_{fixture.name} OWNER {fixture.role}")
    fixture.give_admin(fixture.role, "own0password")
    fixture.mark = fixture.server.mark()
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert fixture.changes() == []


async def test_a_missing_database_of_an_existing_login_is_named(fixture: DatabaseFixture) -> None:
    """Finding D10."""
    own = f"own_{fixture.name}"
    create_role(fixture.server, own, "own0password")
    fixture.give_admin(own, "own0password")
    refused = await fixture.step.reconcile(with_login(fixture, "credentialsSecretRef"))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_NOT_FOUND
    fixture.server.query(refused.message.split("or run: ", 1)[1])
    assert isinstance(await fixture.step.reconcile(with_login(fixture, "credentialsSecretRef")), Done)


async def test_a_retained_database_of_a_newer_harbor_is_found(fixture: DatabaseFixture) -> None:
    """Finding D7."""
    registry = fixture.registry(release={"version": "1.18.2"})
    assert isinstance(await fixture.step.reconcile(registry), Done)
    migrate(fixture.server, f"core_{fixture.name}", 171)
    assert isinstance(await fixture.step.reconcile(registry), Done)
    older = await fixture.step.reconcile(fixture.registry(release={"version": "1.17.0"}))
    assert isinstance(older, Blocked)
    assert older.reason is Reason.DATABASE_SCHEMA_NEWER
    assert "migrated by Harbor 2.14 (version 171" in older.message


async def test_a_migration_that_did_not_complete_is_found_and_one_that_runs_is_not(fixture: DatabaseFixture) -> None:
    """Finding D7: a migration is dirty while it runs, and then holds an advisory lock."""
    await fixture.step.reconcile(fixture.registry())
    login = fixture.kube.values("intra", f"hreg-{fixture.name}-database-login")
    core = f"core_{fixture.name}"
    migrate(fixture.server, core, 160, dirty=True)
    with fixture.server.connect(login["username"], login["password"], dbname=core) as migration:
        migration.execute("SELECT pg_advisory_lock(1)")
        assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    refused = await fixture.step.reconcile(fixture.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_SCHEMA_DIRTY
    fixture.server.query(refused.message.split("run there: ", 1)[1], dbname=core)
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_a_server_without_the_maintenance_database(fixture: DatabaseFixture) -> None:
    """Finding F9."""
    registry = with_database(fixture.registry(), maintenance_database=f"main_{fixture.name}")
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(registry)
    assert refused.value.reason is Reason.DATABASE_NOT_FOUND
    assert f"has no database 'main_{fixture.name}'" in str(refused.value)
    assert "`spec.database.maintenanceDatabase`" in str(refused.value)
    fixture.server.query(f"CREATE DATABASE main_{fixture.name}")
    assert isinstance(await fixture.step.reconcile(registry), Done)


def with_database(registry: HarborRegistry, **changes: Any) -> HarborRegistry:
    assert registry.spec.database
    database = registry.spec.database.model_copy(update=changes)
    return registry.model_copy(update={"spec": registry.spec.model_copy(update={"database": database})})


def with_login(fixture: DatabaseFixture, field: str, **spec: Any) -> HarborRegistry:
    registry = fixture.registry(**spec)
    if field == "adminSecretRef":
        return registry
    assert registry.spec.database
    return with_database(
        registry, admin_secret_ref=None, credentials_secret_ref=registry.spec.database.admin_secret_ref
    )
