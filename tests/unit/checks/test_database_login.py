"""What Harbor's login can find in its databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from harbor_operator.checks.database_login import check_given_login, check_login, login_warnings
from harbor_operator.model.database import (
    CollationChange,
    DesiredDatabases,
    ForeignTable,
    LoginResult,
    Marker,
    ObservedLogin,
    ObservedSchema,
    Pooling,
    PostgresLogin,
    WantedDatabase,
)
from harbor_operator.reasons import Reason

WANTED = WantedDatabase("registry", "spec.database.names.core", max_schema=169)
DESIRED = DesiredDatabases("harbor", (WANTED,), Marker("intra/cr", "uid-1"), 200, 12)
GIVEN = PostgresLogin("harbor", SecretStr("x"), "Secret 'login'")
ACCEPTED = ObservedLogin(LoginResult.ACCEPTED, may_create=True, server_version=16)


def test_a_second_login_that_fails_is_named_with_its_role_and_its_secret() -> None:
    second = PostgresLogin("harbor_b", SecretStr("x"), "Secret 'login-b'")
    found = check_login(DESIRED, WANTED, ObservedLogin(LoginResult.REFUSED), second)
    assert found
    assert "role 'harbor_b' cannot log in to database 'registry' with Secret 'login-b'" in found.message


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        (ObservedLogin(LoginResult.ACCEPTED, may_create=True), None),
        (ObservedLogin(LoginResult.ACCEPTED), Reason.DATABASE_RIGHTS_MISSING),
        (ObservedLogin(LoginResult.WRONG_PASSWORD), Reason.DATABASE_LOGIN_FAILED),
        (ObservedLogin(LoginResult.REFUSED), Reason.DATABASE_LOGIN_FAILED),
        (ObservedLogin(LoginResult.NO_DATABASE), Reason.DATABASE_NOT_FOUND),
        (replace(ACCEPTED, server_version=11), Reason.DATABASE_VERSION_UNSUPPORTED),
    ],
)
def test_a_login(login: ObservedLogin, reason: Reason | None) -> None:
    found = check_login(DESIRED, WANTED, login, GIVEN)
    assert (found.reason if found else None) == reason


@pytest.mark.parametrize(
    ("is_owner_shared", "statement"),
    [(False, 'REASSIGN OWNED BY "old" TO "harbor";'), (True, "DO $transfer$ ")],
)
def test_a_table_of_another_role_is_named_with_the_statement_that_transfers_it(
    is_owner_shared: bool, statement: str
) -> None:
    """Finding D9: REASSIGN OWNED would also transfer the other databases of a shared owner."""
    login = replace(ACCEPTED, foreign_table=ForeignTable("project", "old", is_owner_shared))
    found = check_login(DESIRED, WANTED, login, GIVEN)
    assert found
    assert found.reason is Reason.DATABASE_RIGHTS_MISSING
    assert "table 'project'" in found.message
    assert statement in found.message
    assert ("REASSIGN" in found.message) is not is_owner_shared


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (ObservedSchema(160, is_dirty=False), None),
        (ObservedSchema(169, is_dirty=False), None),
        (ObservedSchema(170, is_dirty=False), Reason.DATABASE_SCHEMA_NEWER),
        (ObservedSchema(160, is_dirty=True), Reason.DATABASE_SCHEMA_DIRTY),
        (ObservedSchema(160, is_dirty=True, is_migrating=True), None),
    ],
)
def test_a_schema_that_the_chart_cannot_use(schema: ObservedSchema, reason: Reason | None) -> None:
    """Finding D7."""
    found = check_login(DESIRED, WANTED, replace(ACCEPTED, schema=schema), GIVEN)
    assert (found.reason if found else None) == reason


def test_the_harbor_that_migrated_a_newer_schema_is_named() -> None:
    """Finding D7."""
    login = replace(ACCEPTED, schema=ObservedSchema(181, is_dirty=False))
    found = check_login(DESIRED, WANTED, login, GIVEN)
    assert found
    assert "migrated by Harbor 2.15 (version 181" in found.message
    assert "`spec.release.version`" in found.message


@pytest.mark.parametrize(
    ("username", "password", "said"),
    [
        ("harbor", "aB3", None),
        ("harbor", "p@ss:w/rd#1%=&", None),
        ("har bor", "aB3", "'username'"),
        ("harbor", "p@ss word", "'password'"),
        ("harbor", "p@ss'word", "'password'"),
        ("harbor", "p@ss\\word", "'password'"),
        ("harbor", "", "'password'"),
    ],
)
def test_a_given_login_that_harbor_cannot_use(username: str, password: str, said: str | None) -> None:
    """Finding D10."""
    found = check_given_login(PostgresLogin(username, SecretStr(password), "Secret 'pg'"))
    assert (found is None) is (said is None)
    if found:
        assert said
        assert said in found.message
        assert "p@ss" not in found.message


@pytest.mark.parametrize(
    ("pooling", "needs_session_pool", "is_blocked", "is_warned"),
    [
        (Pooling.NONE, True, False, False),
        (Pooling.SESSION, True, False, False),
        (Pooling.TRANSACTION, False, False, True),
        (Pooling.TRANSACTION, True, True, True),
        (Pooling.TRANSACTION_WITHOUT_PREPARED, False, True, False),
        (Pooling.TRANSACTION_WITHOUT_PREPARED, True, True, False),
    ],
)
def test_a_pooler(pooling: Pooling, needs_session_pool: bool, is_blocked: bool, is_warned: bool) -> None:
    login, wanted = replace(ACCEPTED, pooling=pooling), replace(WANTED, needs_session_pool=needs_session_pool)
    found = check_login(DESIRED, wanted, login, GIVEN)
    assert (found.reason if found else None) == (Reason.DATABASE_POOLER_UNSUITABLE if is_blocked else None)
    codes = [warning.code for warning in login_warnings(wanted, login)]
    assert codes == [Reason.DATABASE_POOLER_UNSUITABLE] * is_warned


def test_a_collation_of_another_version() -> None:
    login = replace(ACCEPTED, collation=CollationChange("153.120", "153.128"))
    assert check_login(DESIRED, WANTED, login, GIVEN) is None
    (warning,) = login_warnings(WANTED, login)
    assert warning.code is Reason.DATABASE_COLLATION_CHANGED
    assert "REINDEX DATABASE" in warning.message
    assert "153.120" in warning.message
    assert "153.128" in warning.message
