"""The Database step on the shapes of PostgreSQL that providers offer: admins with few rights, standbys, odd names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.postgres import Postgres
from tests.contract.database_server import (  # noqa: F401 - fixtures
    DELETE,
    DatabaseFixture,
    create_role,
    database_of_test,
    server_of_module,
)

pytestmark = pytest.mark.lab

PASSWORD = "aB3" * 8
MIN_VERSION_SELF_GRANT = 16
MIN_VERSION_COLLATION = 15

# What the first administrator of a managed server is: no superuser, but a member of a role of the provider.
ADMINS = {
    "rds": (
        "CREATE ROLE rds_superuser NOLOGIN",
        "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION",
        "GRANT rds_superuser TO {admin} WITH ADMIN OPTION",
    ),
    "cloudsql": (
        "CREATE ROLE cloudsqlsuperuser NOLOGIN CREATEROLE CREATEDB",
        "GRANT cloudsqlsuperuser TO {admin}",
    ),
    "azure": (
        "CREATE ROLE azure_pg_admin NOLOGIN",
        "GRANT pg_read_all_settings, pg_read_all_stats TO azure_pg_admin",
        "GRANT azure_pg_admin TO {admin} WITH ADMIN OPTION",
    ),
    "noinherit": ("ALTER ROLE {admin} NOINHERIT",),
    "self-grant": ("ALTER ROLE {admin} SET createrole_self_grant = 'set, inherit'",),
}


def version(server: Postgres) -> int:
    ((found,),) = server.query("SELECT current_setting('server_version_num')::int / 10000")
    return int(found)


@pytest.mark.parametrize("kind", ADMINS)
async def test_an_admin_of_a_managed_server_creates_repairs_and_removes(fixture: DatabaseFixture, kind: str) -> None:
    if kind == "self-grant" and version(fixture.server) < MIN_VERSION_SELF_GRANT:
        pytest.skip("`createrole_self_grant` exists since PostgreSQL 16")
    admin = f"admin_{fixture.name}"
    create_role(fixture.server, admin, PASSWORD, "CREATEROLE CREATEDB")
    for statement in ADMINS[kind]:
        fixture.server.query(statement.format(admin=admin))
    fixture.give_admin(admin, PASSWORD)
    created = await fixture.step.reconcile(fixture.registry())
    assert isinstance(created, Done), created.message
    fixture.mark = fixture.server.mark()
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert fixture.changes() == []

    fixture.server.query(f'ALTER ROLE "{fixture.role}" CONNECTION LIMIT 7 CREATEDB')
    fixture.server.query(f"GRANT CONNECT ON DATABASE core_{fixture.name} TO PUBLIC")
    repaired = await fixture.step.reconcile(fixture.registry())
    assert isinstance(repaired, Done), repaired.message
    assert fixture.server.query(
        f"SELECT rolconnlimit, rolcreatedb FROM pg_roles WHERE rolname = '{fixture.role}'"  # noqa: S608
    ) == [(fixture.connection_limit, False)]

    assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")
    assert (fixture.role,) not in fixture.server.query("SELECT rolname FROM pg_roles")


async def test_rights_of_a_group_do_not_count_and_are_named(fixture: DatabaseFixture) -> None:
    """A member of a role with CREATEROLE has not got CREATEROLE: attributes are not inherited."""
    admin, group = f"admin_{fixture.name}", f"group_{fixture.name}"
    fixture.server.query(f"CREATE ROLE {group} NOLOGIN CREATEROLE CREATEDB")
    create_role(fixture.server, admin, PASSWORD, f"IN ROLE {group}")
    fixture.give_admin(admin, PASSWORD)
    refused = await fixture.step.reconcile(fixture.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_RIGHTS_MISSING
    fixture.run(refused.message.split("run: ", 1)[1].removesuffix(";"))
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_names_with_hyphens(fixture: DatabaseFixture) -> None:
    fixture.section = {"names": {"core": f"core-{fixture.name}"}}
    fixture.server.query(f'CREATE DATABASE "core-{fixture.name}"')
    refused = await fixture.step.reconcile(fixture.registry())
    assert isinstance(refused, Blocked)
    fixture.server.query(refused.message.split("run (", 1)[1].removesuffix(")"), dbname=f"core-{fixture.name}")
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)

    fixture.section = {"names": {"core": f"new-{fixture.name}"}}
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"new-{fixture.name}")
    assert fixture.exists(f"core-{fixture.name}")


async def test_a_given_login_with_hyphens(fixture: DatabaseFixture) -> None:
    role, core = f"own-{fixture.name}", f"own-{fixture.name}"
    create_role(fixture.server, role, PASSWORD)
    fixture.server.query(f'CREATE DATABASE "{core}" OWNER "{role}"')
    fixture.kube.put("intra", "own-login", {"username": role, "password": PASSWORD})
    fixture.section = {
        "names": {"core": core},
        "credentialsSecretRef": {"name": "own-login"},
        "adminSecretRef": None,
    }
    verified = await fixture.step.reconcile(fixture.registry())
    assert isinstance(verified, Done), verified.message


async def test_extensions_of_a_provider_are_left_alone(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(fixture.registry())
    fixture.server.query("CREATE EXTENSION pg_stat_statements", dbname=f"core_{fixture.name}")
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_another_maintenance_database(fixture: DatabaseFixture) -> None:
    admin, other = f"admin_{fixture.name}", f"defaultdb_{fixture.name}"
    create_role(fixture.server, admin, PASSWORD, "CREATEROLE CREATEDB")
    fixture.server.query(f"CREATE DATABASE {other}")
    fixture.give_admin(admin, PASSWORD)
    with closed_to_the_public(fixture.server, "postgres"):
        with pytest.raises(Refused) as refused:
            await fixture.step.reconcile(fixture.registry())
        assert refused.value.reason is Reason.DATABASE_LOGIN_FAILED
        assert "`spec.database.maintenanceDatabase`" in str(refused.value)
        fixture.section = {"maintenanceDatabase": other}
        assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
        assert isinstance(await fixture.step.teardown(fixture.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")


async def test_a_standby_is_named_and_the_primary_works_again(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(fixture.registry())
    with standby(fixture.server):
        for act in (fixture.step.reconcile, fixture.step.teardown):
            with pytest.raises(Refused) as refused:
                await act(fixture.registry(**DELETE))
            assert refused.value.reason is Reason.DATABASE_READ_ONLY
            assert "is a standby" in str(refused.value)
            assert "`spec.database.host` to the primary" in str(refused.value)
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()",
        "ALTER DATABASE postgres SET default_transaction_read_only = on",
        "ALTER ROLE {admin} SET default_transaction_read_only = on",
        "ALTER ROLE {admin} IN DATABASE postgres SET default_transaction_read_only = on",
    ],
)
async def test_a_read_only_setting_and_the_remedy_of_the_message(fixture: DatabaseFixture, statement: str) -> None:
    for part in statement.format(admin=fixture.server.provisioner_user).split("; "):
        fixture.server.query(part)
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(fixture.registry())
    assert refused.value.reason is Reason.DATABASE_READ_ONLY
    assert "`default_transaction_read_only` is on" in str(refused.value)
    with fixture.server.connect(fixture.server.admin_user, fixture.server.admin_password) as superuser:
        superuser.execute("SET default_transaction_read_only = off")
        for part in str(refused.value).split("run: ", 1)[1].rstrip(";").split(";"):
            superuser.execute(part.encode())
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_another_collation_version_is_a_warning_until_the_remedy_ran(fixture: DatabaseFixture) -> None:
    if version(fixture.server) < MIN_VERSION_COLLATION:
        pytest.skip("PostgreSQL records the version of a database's collation since 15")
    await fixture.step.reconcile(fixture.registry())
    core = f"core_{fixture.name}"
    fixture.server.query(f"DROP DATABASE {core}")
    fixture.server.query(
        f"CREATE DATABASE {core} OWNER \"{fixture.role}\" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'"
    )
    before = await fixture.step.reconcile(fixture.registry())
    assert isinstance(before, Done), before.message
    assert before.warnings == ()

    fixture.server.query(f"UPDATE pg_database SET datcollversion = '1.0' WHERE datname = '{core}'")  # noqa: S608
    outdated = await fixture.step.reconcile(fixture.registry())
    assert isinstance(outdated, Done), outdated.message
    (warning,) = outdated.warnings
    assert warning.code is Reason.DATABASE_COLLATION_CHANGED
    login = fixture.kube.values("intra", f"hreg-{fixture.name}-database-login")
    with fixture.server.connect(login["username"], login["password"], dbname=core) as owner:
        for part in warning.message.split("run: ", 1)[1].rstrip(";").split(";"):
            owner.execute(part.encode())
    after = await fixture.step.reconcile(fixture.registry())
    assert isinstance(after, Done), after.message
    assert after.warnings == ()


async def test_an_outdated_collation_of_the_templates_does_not_prevent_a_database(fixture: DatabaseFixture) -> None:
    if version(fixture.server) < MIN_VERSION_COLLATION:
        pytest.skip("PostgreSQL records the version of a database's collation since 15")
    update = "UPDATE pg_database SET datcollversion = {} WHERE datname IN ('template1', 'postgres')"
    fixture.server.query(update.format("'1.0'"))
    try:
        assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)
    finally:
        fixture.server.query(update.format("NULL"))


@contextmanager
def standby(server: Postgres) -> Iterator[None]:
    """Restarts the server as a hot standby, and as a primary again at the end."""
    ((data,),) = server.query("SHOW data_directory")
    signal = Path(data) / "standby.signal"
    signal.touch()
    server.restart()
    try:
        yield
    finally:
        signal.unlink()
        server.restart()


@contextmanager
def closed_to_the_public(server: Postgres, database: str) -> Iterator[None]:
    """Revokes the right of every role to connect to the database."""
    server.query(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
    try:
        yield
    finally:
        server.query(f"GRANT CONNECT ON DATABASE {database} TO PUBLIC")
