"""PostgreSQL faults: the condition names the remedy, and following the remedy literally resolves it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab.lab import Lab
from lab.postgres import Postgres
from lab.process import free_port
from lab.registries import Registry
from tests.e2e.conftest import MakeRegistry

pytestmark = pytest.mark.e2e

TAKEN = "e2e_taken"
OTHER = "e2e_other"
WEAK = "e2e_weak"
WEAK_PASSWORD = "weakPassword0123456789"


@pytest.fixture
def postgres(lab: Lab) -> Postgres:
    return lab.services.postgres


@pytest.fixture
def taken(postgres: Postgres) -> Iterator[str]:
    """A database of another role; the end of the test drops it, with any owner."""
    postgres.query(f"CREATE ROLE {OTHER}")
    postgres.query(f"CREATE DATABASE {TAKEN} OWNER {OTHER}")
    yield TAKEN
    owner = owners(postgres)[TAKEN]
    postgres.query(f"DROP DATABASE {TAKEN}")
    for role in {owner, OTHER}:
        postgres.query(f'DROP ROLE "{role}"')


@pytest.fixture
def weak(postgres: Postgres) -> Iterator[str]:
    """A role that can log in and has no other right."""
    with postgres.connect(postgres.admin_user, postgres.admin_password) as connection:
        verifier = connection.pgconn.encrypt_password(WEAK_PASSWORD.encode(), WEAK.encode()).decode()
    postgres.query(f"CREATE ROLE {WEAK} LOGIN PASSWORD '{verifier}'")
    yield WEAK
    postgres.query(f"DROP ROLE {WEAK}")


def prepared(registry: Registry, postgres: Postgres) -> Registry:
    registry.put_secret("pg-ca", {"ca.crt": postgres.ca_path.read_text()})
    give_admin(registry, postgres.provisioner_user, postgres.provisioner_password)
    return registry


def give_admin(registry: Registry, username: str, password: str) -> None:
    registry.put_secret("pg-admin", {"username": username, "password": password})


def spec_for(postgres: Postgres, core: str, **changes: Any) -> dict[str, Any]:
    """A spec with a database only, which is deleted with the registry."""
    database = {
        "host": postgres.host,
        "port": postgres.port,
        "caSecretRef": {"name": "pg-ca"},
        "adminSecretRef": {"name": "pg-admin"},
        "names": {"core": core},
        "connectionLimit": 20,
    }
    return {
        "externalURL": "https://localhost:1",
        "checkIntervalSeconds": 5,
        "database": {**database, **changes},
        "deletionPolicy": {"database": "Delete"},
    }


def owners(postgres: Postgres) -> dict[str, str]:
    """Returns the owner of each database."""
    return dict(postgres.query("SELECT datname, pg_get_userbyid(datdba) FROM pg_database"))


def test_a_wrong_password_names_its_secret_and_recovers_after_the_fix(
    postgres: Postgres, make_registry: MakeRegistry
) -> None:
    registry = prepared(make_registry("db-password"), postgres)
    give_admin(registry, postgres.provisioner_user, "notThePassword0123")
    registry.apply(spec_for(postgres, "e2e_password"))

    seen = registry.wait_condition("DatabaseReady", "False", "DatabaseCredentialsRejected")
    assert f"rejected role '{postgres.provisioner_user}'" in seen["message"]
    assert "correct Secret 'pg-admin' (`spec.database.adminSecretRef`)" in seen["message"]
    assert registry.condition("Stalled")["reason"] == "DatabaseCredentialsRejected"

    give_admin(registry, postgres.provisioner_user, postgres.provisioner_password)
    recovered = registry.wait_condition("DatabaseReady", "True", "Converged")
    assert "'e2e_password'" in recovered["message"]
    assert registry.condition("Stalled") == {}
    registry.delete()
    assert "e2e_password" not in owners(postgres)


def test_a_database_of_another_role_is_not_changed_until_its_owner_changes(
    taken: str, postgres: Postgres, make_registry: MakeRegistry
) -> None:
    registry = prepared(make_registry("db-handover"), postgres)
    mark = postgres.mark()
    registry.apply(spec_for(postgres, taken))

    seen = registry.wait_condition("DatabaseReady", "False", "DatabaseOwnedByOther")
    assert f"database '{taken}' belongs to role '{OTHER}'" in seen["message"]
    assert "choose another name in `spec.database.names.core`" in seen["message"]
    assert postgres.changes_since(mark) == []

    remedy = re.search(r"\((CREATE ROLE .*;)\)", seen["message"])
    assert remedy is not None
    assert f'ALTER DATABASE "{taken}" OWNER TO' in remedy[1]
    postgres.query(remedy[1], dbname=taken)
    registry.wait_condition("DatabaseReady", "True", "Converged")
    registry.delete()
    assert taken in owners(postgres), "a database that the operator did not create is never dropped"


def test_another_database_name_also_resolves_it(taken: str, postgres: Postgres, make_registry: MakeRegistry) -> None:
    registry = prepared(make_registry("db-rename"), postgres)
    registry.apply(spec_for(postgres, taken))
    registry.wait_condition("DatabaseReady", "False", "DatabaseOwnedByOther")

    registry.patch({"database": {"names": {"core": "e2e_free"}}})
    registry.wait_condition("DatabaseReady", "True", "Converged")
    assert owners(postgres)[taken] == OTHER
    assert owners(postgres)["e2e_free"] not in {OTHER, postgres.provisioner_user, postgres.admin_user}


def test_missing_rights_are_named_with_the_statement_that_grants_them(
    weak: str, postgres: Postgres, make_registry: MakeRegistry
) -> None:
    registry = prepared(make_registry("db-rights"), postgres)
    give_admin(registry, weak, WEAK_PASSWORD)
    registry.apply(spec_for(postgres, "e2e_rights"))

    seen = registry.wait_condition("DatabaseReady", "False", "DatabaseRightsMissing")
    assert f"role '{weak}' of `spec.database.adminSecretRef` lacks CREATEROLE and CREATEDB" in seen["message"]
    statement = seen["message"].split("a superuser must run: ")[1]
    postgres.query(statement)
    registry.wait_condition("DatabaseReady", "True", "Converged")


def test_a_server_that_does_not_answer_is_unknown_and_not_false(
    postgres: Postgres, make_registry: MakeRegistry
) -> None:
    registry = prepared(make_registry("db-down"), postgres)
    registry.apply(spec_for(postgres, "e2e_down", port=free_port()))

    seen = registry.wait_condition("DatabaseReady", "Unknown", "DatabaseUnreachable")
    assert "(`spec.database.host`) does not answer" in seen["message"]
    assert registry.condition("Reconciling")["status"] == "True"

    registry.patch({"database": {"port": postgres.port}})
    registry.wait_condition("DatabaseReady", "True", "Converged")
