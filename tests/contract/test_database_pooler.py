"""The Database step behind PgBouncer, in both of its modes and with pools of every useful size."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import CORE_LOGIN_KEY
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from lab.certs import Authority
from lab.pgbouncer import PgBouncer, PoolMode
from lab.postgres import Postgres
from lab.process import Processes
from tests.contract.database_server import DELETE, DatabaseFixture, create_role
from tests.contract.test_database_rotation import Rotating

pytestmark = pytest.mark.lab

Start = Callable[..., PgBouncer]
Pooled = Callable[..., DatabaseFixture]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Start]]:
    """A server, and a function that starts a pooler in front of it, once for each configuration."""
    directory = tmp_path_factory.mktemp("pooled")
    processes = Processes(directory / "logs")
    authority = Authority.create(directory / "ca")
    poolers: dict[tuple[PoolMode, int, bool, bool], PgBouncer] = {}
    try:
        server = Postgres.start(directory / "server", processes, authority)

        def start(
            mode: PoolMode, size: int = 10, *, follows_prepared: bool = False, has_list: bool = False
        ) -> PgBouncer:
            key = (mode, size, follows_prepared, has_list)
            if key not in poolers:
                poolers[key] = PgBouncer.start(
                    directory / f"pooler-{len(poolers)}",
                    processes,
                    authority,
                    server,
                    mode=mode,
                    size=size,
                    follows_prepared=follows_prepared,
                    has_list=has_list,
                )
            return poolers[key]

        yield server, start
    finally:
        processes.stop_all()


@pytest.fixture
def pooled(request: pytest.FixtureRequest, started: tuple[Postgres, Start]) -> Pooled:
    """Returns the registry of the test behind a pooler."""
    server, start = started

    def fixture(
        mode: PoolMode, size: int = 10, *, follows_prepared: bool = False, has_list: bool = False
    ) -> DatabaseFixture:
        name = f"t{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"
        pooler = start(mode, size, follows_prepared=follows_prepared, has_list=has_list)
        return DatabaseFixture(server, name, port=pooler.port, pooler=pooler)

    return fixture


async def test_a_session_pool_changes_nothing_for_the_operator(pooled: Pooled) -> None:
    fixture = pooled("session")
    created = await fixture.step.reconcile(fixture.registry())
    assert isinstance(created, Done), created.message
    assert created.warnings == ()
    fixture.mark = fixture.server.mark()
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert fixture.changes() == []
    await _remove(fixture)


async def test_transaction_mode_serves_the_operator_and_is_refused_for_harbor(pooled: Pooled) -> None:
    """Everything that the operator does works, with two of them at once; Harbor's prepared statements do not."""
    fixture = pooled("transaction")
    outcomes = await asyncio.gather(*(fixture.step.reconcile(fixture.registry()) for _ in range(2)))
    for refused in outcomes:
        assert isinstance(refused, Blocked)
        assert refused.reason is Reason.DATABASE_POOLER_UNSUITABLE
        assert f"database 'core_{fixture.name}' is in transaction mode" in refused.message
        assert "`pool_mode = session`" in refused.message
        assert "`max_prepared_statements = 200`" in refused.message
    assert len([statement for statement in fixture.changes() if statement.startswith("CREATE")]) == 2

    fixture.mark = fixture.server.mark()
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Blocked)
    assert fixture.changes() == []


@pytest.mark.parametrize("follows_prepared", [False, True])
async def test_transaction_mode_drops_nothing(pooled: Pooled, follows_prepared: bool) -> None:
    """The role that proves the owner would reach the next client of the pooler."""
    fixture = pooled("transaction", follows_prepared=follows_prepared)
    await fixture.step.reconcile(fixture.registry())
    fixture.mark = fixture.server.mark()
    with pytest.raises(Refused) as refused:
        await fixture.step.teardown(fixture.registry(**DELETE))
    assert refused.value.reason is Reason.DATABASE_POOLER_UNSUITABLE
    assert "`pool_mode = session` for database 'postgres'" in str(refused.value)
    assert fixture.changes() == []
    fixture.port = 0
    fixture.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'core_{fixture.name}'")  # noqa: S608
    assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")


async def test_harbor_fails_in_transaction_mode_as_the_finding_says(pooled: Pooled) -> None:
    """What its driver does: statements with names, used in later transactions by several clients."""
    fixture = pooled("transaction")
    await fixture.step.reconcile(fixture.registry())
    with ExitStack() as stack:
        first, second = (stack.enter_context(_harbor(fixture)) for _ in range(2))
        first.execute("SELECT 1", prepare=True)
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement, match="already exists"):
            second.execute("SELECT 1", prepare=True)


async def test_a_pooler_that_follows_prepared_statements_is_a_warning(pooled: Pooled) -> None:
    fixture = pooled("transaction", follows_prepared=True)
    created = await fixture.step.reconcile(fixture.registry())
    assert isinstance(created, Done), created.message
    (warning,) = created.warnings
    assert warning.code is Reason.DATABASE_POOLER_UNSUITABLE
    assert "locks its migrations for a session" in warning.message
    with ExitStack() as stack:
        clients = [stack.enter_context(_harbor(fixture)) for _ in range(2)]
        for client in [*clients, *clients]:
            client.execute("SELECT 1", prepare=True)


async def test_the_lock_of_a_migration_outlives_its_client_in_transaction_mode(pooled: Pooled) -> None:
    """The cause of the warning: golang-migrate locks for a session, and the pooler keeps that of the server."""
    fixture = pooled("transaction", follows_prepared=True)
    await fixture.step.reconcile(fixture.registry())
    with _harbor(fixture) as migrating:
        migrating.execute("SELECT pg_advisory_lock(42)")
    assert fixture.server.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42") == [(1,)]


async def test_a_harbor_before_pgx_needs_a_session_pool(pooled: Pooled) -> None:
    fixture = pooled("transaction", follows_prepared=True)
    refused = await fixture.step.reconcile(fixture.registry(release={"version": "1.8.3"}))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_POOLER_UNSUITABLE
    assert "lib/pq" in refused.message
    assert "max_prepared_statements" not in refused.message


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_a_pool_of_one_connection_is_named(pooled: Pooled, mode: PoolMode) -> None:
    fixture = pooled(mode, 1)
    with pytest.raises(Unavailable) as failed:
        await fixture.step.reconcile(fixture.registry())
    assert failed.value.reason is Reason.DATABASE_CONNECTIONS_LOW
    assert "raise `default_pool_size`" in str(failed.value)


async def test_a_given_login_works_in_a_session_pool_of_one_connection(pooled: Pooled) -> None:
    fixture = pooled("session", 1)
    create_role(fixture.server, fixture.name, "aB3" * 8)
    fixture.server.query(f"CREATE DATABASE core_{fixture.name} OWNER {fixture.name}")
    fixture.kube.put("intra", "own", {"username": fixture.name, "password": "aB3" * 8})
    fixture.section = {"credentialsSecretRef": {"name": "own"}, "adminSecretRef": None}
    verified = await fixture.step.reconcile(fixture.registry())
    assert isinstance(verified, Done), verified.message
    assert verified.warnings == ()


@pytest.mark.parametrize("follows_prepared", [False, True])
async def test_a_pooler_with_a_list_of_users_must_know_harbors_role(pooled: Pooled, follows_prepared: bool) -> None:
    """The password stays as it is, because the list can contain its verifier."""
    fixture = pooled("session", has_list=True, follows_prepared=follows_prepared)
    refused = await fixture.step.reconcile(fixture.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_LOGIN_FAILED
    assert "add the role to its list of users (`auth_file` of PgBouncer)" in refused.message
    assert fixture.pooler
    fixture.pooler.add_user(fixture.role)
    fixture.mark = fixture.server.mark()
    accepted = await fixture.step.reconcile(fixture.registry())
    assert isinstance(accepted, Done), accepted.message
    assert fixture.changes() == []


async def test_statement_mode_is_refused(pooled: Pooled) -> None:
    fixture = pooled("statement")
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(fixture.registry())
    assert refused.value.reason is Reason.DATABASE_POOLER_UNSUITABLE
    assert "`pool_mode = session`" in str(refused.value)


async def _remove(fixture: DatabaseFixture) -> None:
    """Removes the database: the sessions in which the pooler reads passwords are ended as the finding says."""
    with pytest.raises(Refused) as refused:
        await fixture.step.teardown(fixture.registry(**DELETE))
    assert refused.value.reason is Reason.DATABASE_IN_USE
    assert "must not end: 'postgres'" in str(refused.value)
    fixture.run(str(refused.value).split("run: ", 1)[1].removesuffix(";"))
    assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")


def _harbor(fixture: DatabaseFixture) -> psycopg.Connection[tuple[Any, ...]]:
    login = fixture.kube.values("intra", f"hreg-{fixture.name}-database-login")
    core = f"core_{fixture.name}"
    return fixture.server.connect(login["username"], login["password"], dbname=core, port=fixture.port)


async def test_a_rotation_waits_until_a_pooler_with_a_list_of_users_has_the_other_role(pooled: Pooled) -> None:
    fixture = pooled("session", has_list=True, follows_prepared=True)
    assert fixture.pooler
    rotating = Rotating(fixture)
    assert isinstance(await rotating.step.reconcile(rotating.registry()), Blocked)
    fixture.pooler.add_user(fixture.role)
    await rotating.reconcile()
    await rotating.record(CORE_LOGIN_KEY)
    rotating.request = "1"
    second = names.second_database_role(fixture.role)
    await rotating.fails(f"role '{second}'")
    fixture.pooler.add_user(second)
    fixture.mark = fixture.server.mark()
    assert "gets the login of role" in (await rotating.reconcile()).changes[0]
    assert (await rotating.login()).username == second
    assert fixture.changes() == []
