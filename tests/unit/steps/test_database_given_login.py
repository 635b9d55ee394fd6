"""A login and databases that exist already are verified and never changed (finding D10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import LoginResult, ObservedDatabase, ObservedLogin, ObservedSchema
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from tests.fakes.database_fixture import LOGIN, ROLE, DatabaseFixture, registry
from tests.fakes.postgres import FakeRole, admin

DELETE = {"deletionPolicy": {"database": "Delete"}}


def given(**spec: Any) -> HarborRegistry:
    return registry({"adminSecretRef": None, "credentialsSecretRef": {"name": "pg-harbor"}}, **spec)


@pytest.fixture
def fixture() -> DatabaseFixture:
    fixture = DatabaseFixture()
    fixture.kube.put("intra", "pg-harbor", {"username": "dba", "password": "dba0password"})
    fixture.postgres.roles["dba"] = FakeRole("dba0password")
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", "dba", "", is_open_to_public=True)
    return fixture


def give_admin(fixture: DatabaseFixture, username: str, password: str = "own0password") -> None:
    fixture.postgres.admin = replace(admin(""), name=username)
    fixture.postgres.admin_password = password
    fixture.postgres.roles[username] = FakeRole(password)
    fixture.kube.put("intra", "pg-admin", {"username": username, "password": password})


@pytest.mark.parametrize("policy", [{}, DELETE])
async def test_a_given_login_is_verified_and_nothing_is_written(fixture: DatabaseFixture, policy: Any) -> None:
    """Finding D10."""
    outcome = await fixture.step.reconcile(given(**policy))
    assert isinstance(outcome, Done)
    assert "Secret 'pg-harbor' (`spec.database.credentialsSecretRef`), role 'dba'" in outcome.message
    assert isinstance(await fixture.step.teardown(given(**policy)), Done)
    assert fixture.is_untouched()
    assert list(fixture.postgres.databases) == ["registry"]


async def test_a_database_that_a_given_login_lacks_is_named(fixture: DatabaseFixture) -> None:
    """Finding D10."""
    fixture.postgres.databases.clear()
    outcome = await fixture.step.reconcile(given())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_NOT_FOUND
    assert 'CREATE DATABASE "registry" OWNER "dba"' in outcome.message
    assert fixture.is_untouched()


async def test_a_given_login_with_a_wrong_password(fixture: DatabaseFixture) -> None:
    """Finding D10: no password is set."""
    fixture.postgres.roles["dba"].password = "another"
    outcome = await fixture.step.reconcile(given())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_LOGIN_FAILED
    assert "pg-harbor" in outcome.message
    assert fixture.is_untouched()


@pytest.mark.parametrize("username", [ROLE, "own"])
async def test_an_admin_login_that_owns_the_databases_keeps_its_password(
    fixture: DatabaseFixture, username: str
) -> None:
    """Finding D10: the operator must not lock itself out."""
    give_admin(fixture, username)
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", username, "", is_open_to_public=True)
    for _ in range(2):
        assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.postgres.changes == []
    assert fixture.postgres.roles[username].password == "own0password"
    assert fixture.kube.values("intra", LOGIN) == {"username": username, "password": "own0password"}


async def test_a_new_password_of_such_an_admin_login_reaches_harbor(fixture: DatabaseFixture) -> None:
    """Finding D10."""
    give_admin(fixture, "own")
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", "own", "", is_open_to_public=True)
    await fixture.step.reconcile(registry())
    give_admin(fixture, "own", "newer0password")
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.kube.values("intra", LOGIN)["password"] == "newer0password"


async def test_deletion_drops_nothing_of_such_an_admin_login(fixture: DatabaseFixture) -> None:
    """Finding D10."""
    give_admin(fixture, "own")
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", "own", "", is_open_to_public=True)
    await fixture.step.reconcile(registry())
    assert isinstance(await fixture.step.teardown(registry(**DELETE)), Done)
    assert fixture.postgres.changes == []
    assert ("intra", LOGIN) not in fixture.kube.secrets


async def test_an_admin_that_creates_roles_never_becomes_harbors_login(fixture: DatabaseFixture) -> None:
    """Finding D10."""
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", "admin", "", is_open_to_public=True)
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_OWNED_BY_OTHER
    assert "`spec.database.credentialsSecretRef`" in outcome.message
    assert fixture.is_untouched()


async def test_the_admin_connects_to_the_configured_database(fixture: DatabaseFixture) -> None:
    """Finding F9."""
    fixture.postgres.databases.clear()
    fixture.postgres.maintenance_database = "defaultdb"
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(registry())
    assert refused.value.reason is Reason.DATABASE_NOT_FOUND
    assert isinstance(await fixture.step.reconcile(registry({"maintenanceDatabase": "defaultdb"})), Done)


async def test_a_retained_database_of_a_newer_harbor_stops_an_older_chart(fixture: DatabaseFixture) -> None:
    """Finding D7."""
    fixture.postgres.databases.clear()
    fixture.postgres.contents["registry"] = ObservedLogin(
        LoginResult.ACCEPTED, schema=ObservedSchema(180, is_dirty=False)
    )
    outcome = await fixture.step.reconcile(registry(release={"version": "1.18.0"}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_SCHEMA_NEWER
    assert isinstance(await fixture.step.reconcile(registry(release={"version": "1.19.1"})), Done)


async def test_a_line_break_at_the_end_of_the_admin_password_is_named(fixture: DatabaseFixture) -> None:
    """Finding F11."""
    fixture.kube.put("intra", "pg-admin", {"username": "admin", "password": "admin-password\n"})
    outcome = await attempt(fixture.step.reconcile, registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert "'password' in Secret 'pg-admin'" in outcome.message
    assert "line break" in outcome.message
    assert fixture.is_untouched()
