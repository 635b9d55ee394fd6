"""Each observed server has its finding."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from harbor_operator.api.backends import SslMode
from harbor_operator.checks.database import (
    check_login,
    check_server,
    explain_connect_failure,
    explain_statement_failure,
    quoted,
    server_warnings,
)
from harbor_operator.model.database import (
    ConnectFailure,
    DesiredDatabases,
    LoginResult,
    Marker,
    ObservedDatabase,
    ObservedLogin,
    ObservedRole,
    ObservedServer,
    PostgresLogin,
    PostgresServer,
    StatementFailure,
    WantedDatabase,
)
from harbor_operator.model.outcomes import Unknown
from harbor_operator.reasons import Reason
from tests.fakes.postgres import admin

MARKER = Marker("intra/cr", "uid-1")
DESIRED = DesiredDatabases("harbor", (WantedDatabase("registry", "spec.database.names.core"),), MARKER, 200, 12)
EMPTY = ObservedServer(version=15, max_connections=300, admin=admin())
NAME = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.builds(lambda space, name, uid: Marker(f"{space}/{name}", uid), NAME, NAME, st.uuids().map(str)))
def test_a_marker_survives_the_server(marker: Marker) -> None:
    assert Marker.parse(marker.comment) == marker


@pytest.mark.parametrize("comment", ["", "made by hand", "harbor-operator.io registry=intra/cr", " " + MARKER.comment])
def test_anything_else_is_no_marker(comment: str) -> None:
    assert Marker.parse(comment) is None


@pytest.mark.parametrize(
    ("observed", "reason", "text"),
    [
        (replace(EMPTY, version=11), Reason.DATABASE_VERSION_UNSUPPORTED, "needs 12"),
        (replace(EMPTY, role=ObservedRole("", -1)), Reason.DATABASE_ROLE_TAKEN, "COMMENT ON ROLE"),
        (
            replace(EMPTY, version=16, role=ObservedRole("", -1)),
            Reason.DATABASE_ROLE_TAKEN,
            'GRANT "harbor" TO "admin" WITH ADMIN OPTION;',
        ),
        (
            replace(EMPTY, role=ObservedRole(Marker("a/b", "u").comment, -1)),
            Reason.DATABASE_ROLE_TAKEN,
            "'a/b'",
        ),
        (
            replace(EMPTY, role=ObservedRole(Marker("intra/cr", "uid-0").comment, -1, sessions=3)),
            Reason.DATABASE_ROLE_TAKEN,
            "has open sessions",
        ),
        (
            replace(EMPTY, databases=(ObservedDatabase("registry", "wiki", "", is_open_to_public=True),)),
            Reason.DATABASE_OWNED_BY_OTHER,
            'CREATE ROLE "harbor";',
        ),
        (
            replace(
                EMPTY,
                role=ObservedRole(MARKER.comment, 200),
                databases=(
                    ObservedDatabase("registry", "harbor", Marker("a/b", "u").comment, is_open_to_public=False),
                ),
            ),
            Reason.DATABASE_OWNED_BY_OTHER,
            "'a/b'",
        ),
        (
            replace(EMPTY, admin=admin("")),
            Reason.DATABASE_RIGHTS_MISSING,
            'ALTER ROLE "admin" CREATEROLE CREATEDB;',
        ),
        (replace(EMPTY, admin=admin("CREATEROLE")), Reason.DATABASE_RIGHTS_MISSING, 'ALTER ROLE "admin" CREATEDB;'),
    ],
)
def test_a_finding_names_reason_and_remedy(observed: ObservedServer, reason: Reason, text: str) -> None:
    found = check_server(DESIRED, observed)
    assert found
    assert found.reason is reason
    assert text in found.message


@pytest.mark.parametrize(
    "observed",
    [
        EMPTY,
        replace(EMPTY, admin=admin("SUPERUSER")),
        replace(EMPTY, role=ObservedRole(MARKER.comment, 5, sessions=9)),
        replace(EMPTY, role=ObservedRole(Marker("intra/cr", "uid-0").comment, -1)),
        replace(
            EMPTY,
            admin=admin(""),
            role=ObservedRole(MARKER.comment, 200),
            databases=(ObservedDatabase("registry", "harbor", "", is_open_to_public=True),),
        ),
    ],
)
def test_an_acceptable_server_has_no_finding(observed: ObservedServer) -> None:
    assert check_server(DESIRED, observed) is None


def test_two_databases_of_one_name() -> None:
    clair = WantedDatabase("registry", "spec.database.names.clair")
    found = check_server(replace(DESIRED, databases=(*DESIRED.databases, clair)), EMPTY)
    assert found
    assert found.reason is Reason.INVALID_SPEC
    assert "`spec.database.names.core` and `spec.database.names.clair`" in found.message


def test_max_connections_below_the_limit_of_the_role() -> None:
    assert server_warnings(DESIRED, EMPTY) == ()
    (warning,) = server_warnings(DESIRED, replace(EMPTY, max_connections=100))
    assert "100" in warning.message


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        (ObservedLogin(LoginResult.ACCEPTED, may_create=True), None),
        (ObservedLogin(LoginResult.ACCEPTED), Reason.DATABASE_RIGHTS_MISSING),
        (ObservedLogin(LoginResult.WRONG_PASSWORD), Reason.DATABASE_LOGIN_FAILED),
        (ObservedLogin(LoginResult.REFUSED), Reason.DATABASE_LOGIN_FAILED),
    ],
)
def test_a_login(login: ObservedLogin, reason: Reason | None) -> None:
    found = check_login(DESIRED, "registry", login, "Secret 'login'")
    assert (found.reason if found else None) == reason


def test_identifiers_are_quoted_for_copying() -> None:
    assert quoted('a"b') == '"a""b"'


SERVER = PostgresServer("pg.example.com", 5432, SslMode.REQUIRE)
ADMIN = PostgresLogin("admin", SecretStr("secret0"), "Secret 'pg-admin'")


@pytest.mark.parametrize("failure", ConnectFailure)
def test_every_connect_failure_names_the_server(failure: ConnectFailure) -> None:
    finding = explain_connect_failure(failure, "the text", SERVER, ADMIN)
    is_temporary = failure in {ConnectFailure.UNREACHABLE, ConnectFailure.NO_CONNECTION_LEFT}
    assert isinstance(finding, Unknown) is is_temporary
    assert "'pg.example.com:5432'" in finding.message
    assert "secret0" not in finding.message


def test_a_missing_right_comes_with_statements_for_any_role_name() -> None:
    admin = replace(ADMIN, username='a"b')
    finding = explain_statement_failure(StatementFailure.INSUFFICIENT_PRIVILEGE, "denied", SERVER, admin)
    assert finding.reason is Reason.DATABASE_RIGHTS_MISSING
    assert 'ALTER ROLE "a""b" CREATEROLE CREATEDB;' in finding.message
