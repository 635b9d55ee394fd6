"""The Database step on a real PostgreSQL, as an admin who is no superuser; the server's log tells who changed what."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.database import DatabaseStep
from tests.contract.database_server import DELETE, DatabaseFixture, database_of_test, server_of_module  # noqa: F401 - fixtures

pytestmark = pytest.mark.lab


async def test_a_second_pass_sends_no_statement_that_changes_anything(fixture: DatabaseFixture) -> None:
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert fixture.changes()
    fixture.mark = fixture.server.mark()
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert fixture.changes() == []


async def test_two_operators_at_once_create_everything_once(fixture: DatabaseFixture) -> None:
    outcomes = await asyncio.gather(*(fixture.step.reconcile(fixture.registry()) for _ in range(3)))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len([statement for statement in fixture.changes() if statement.startswith("CREATE")]) == 2


async def test_harbor_can_make_tables_with_its_secret(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(fixture.registry())
    login = fixture.kube.values("intra", f"hreg-{fixture.name}-database-login")
    with fixture.server.connect(login["username"], login["password"], dbname=f"core_{fixture.name}") as connection:
        connection.execute("CREATE TABLE probe (id int)")
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_a_password_that_drifted_is_set_again(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(fixture.registry())
    fixture.server.query(f"ALTER ROLE \"{fixture.role}\" PASSWORD 'drifted'")
    fixture.mark = fixture.server.mark()
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    (statement,) = fixture.changes()
    assert "SCRAM-SHA-256$" in statement


async def test_a_wrong_admin_password(fixture: DatabaseFixture) -> None:
    fixture.give_admin(fixture.server.provisioner_user, "wrong0secret")
    with pytest.raises(Refused) as refusal:
        await fixture.step.reconcile(fixture.registry())
    assert refusal.value.reason is Reason.DATABASE_CREDENTIALS_REJECTED
    assert "Secret 'pg-admin'" in str(refusal.value)
    assert "wrong0secret" not in str(refusal.value)


async def test_a_foreign_database_and_the_remedy_of_the_message(fixture: DatabaseFixture) -> None:
    fixture.server.query(f"CREATE DATABASE core_{fixture.name}")
    fixture.mark = fixture.server.mark()
    refused = await fixture.step.reconcile(fixture.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_OWNED_BY_OTHER
    assert fixture.changes() == []

    statements = refused.message.split("run (", 1)[1].removesuffix(")")
    fixture.server.query(statements, dbname=f"core_{fixture.name}")
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_a_role_of_another_owner(fixture: DatabaseFixture) -> None:
    fixture.server.query(f'CREATE ROLE "{fixture.role}" LOGIN')
    refused = await fixture.step.reconcile(fixture.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_ROLE_TAKEN
    fixture.run(refused.message.split("run: ", 1)[1])
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_a_recreated_registry_takes_up_what_was_retained(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(fixture.registry())
    assert isinstance(await fixture.step.teardown(fixture.registry()), Done)
    fixture.uid = "uid-2"
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")


async def test_a_role_in_use_elsewhere_keeps_its_password(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(fixture.registry())
    login = fixture.kube.values("intra", f"hreg-{fixture.name}-database-login")
    other = DatabaseFixture(fixture.server, fixture.name, uid="uid-of-another-cluster")
    other.step = DatabaseStep(other.kube, PsycopgPostgres(), lambda: SecretStr("another0password"))
    with fixture.server.connect(login["username"], login["password"], dbname=f"core_{fixture.name}"):
        refused = await other.step.reconcile(other.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_ROLE_TAKEN
    assert other.changes() == []


async def test_delete_drops_even_what_is_in_use(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(fixture.registry(release={"version": "1.5.0"}))
    login = fixture.kube.values("intra", f"hreg-{fixture.name}-database-login")
    with fixture.server.connect(login["username"], login["password"], dbname=f"core_{fixture.name}"):
        assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")
    assert not fixture.exists(f"clair_{fixture.name}")
    assert (fixture.role,) not in fixture.server.query("SELECT rolname FROM pg_roles")


async def test_a_limit_above_that_of_the_server_is_a_warning_until_it_is_lower(fixture: DatabaseFixture) -> None:
    ((accepted,),) = fixture.server.query("SELECT setting::int FROM pg_settings WHERE name = 'max_connections'")
    fixture.connection_limit = accepted + 1
    warned = await fixture.step.reconcile(fixture.registry())
    assert isinstance(warned, Done), warned.message
    (warning,) = warned.warnings
    assert warning.code is Reason.DATABASE_CONNECTIONS_LOW
    assert "raise the first or lower the second" in warning.message

    fixture.connection_limit = accepted
    lowered = await fixture.step.reconcile(fixture.registry())
    assert isinstance(lowered, Done), lowered.message
    assert lowered.warnings == ()


async def test_a_superuser_works_as_well(fixture: DatabaseFixture) -> None:
    fixture.give_admin(fixture.server.admin_user, fixture.server.admin_password)
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    fixture.mark = fixture.server.mark()
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert fixture.changes() == []
    assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")
