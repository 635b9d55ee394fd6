"""Each failure of a connection or statement has its explanation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from harbor_operator.api.backends import SslMode
from harbor_operator.checks.database_failures import explain_connect_failure, explain_statement_failure, literal, quoted
from harbor_operator.model.database import ConnectFailure, PostgresLogin, PostgresServer, StatementFailure
from harbor_operator.model.outcomes import Unknown
from harbor_operator.reasons import Reason


def test_identifiers_are_quoted_for_copying() -> None:
    assert quoted('a"b') == '"a""b"'
    assert literal("a'b") == "'a''b'"


SERVER = PostgresServer("pg.example.com", 5432, SslMode.REQUIRE)
ADMIN = PostgresLogin("admin", SecretStr("secret0"), "Secret 'pg-admin'")


@pytest.mark.parametrize("failure", ConnectFailure)
def test_every_connect_failure_names_the_server(failure: ConnectFailure) -> None:
    finding = explain_connect_failure(failure, "the text", SERVER, ADMIN)
    is_temporary = failure in {
        ConnectFailure.UNREACHABLE,
        ConnectFailure.NO_CONNECTION_LEFT,
        ConnectFailure.POOL_EXHAUSTED,
    }
    assert isinstance(finding, Unknown) is is_temporary
    assert "'pg.example.com:5432'" in finding.message
    assert "secret0" not in finding.message


def test_an_ipv6_address_of_a_server_is_in_brackets() -> None:
    server = replace(SERVER, host="fd00::1")
    assert "'[fd00::1]:5432'" in explain_connect_failure(ConnectFailure.UNREACHABLE, "x", server, ADMIN).message


def test_a_missing_right_comes_with_statements_for_any_role_name() -> None:
    admin = replace(ADMIN, username='a"b')
    finding = explain_statement_failure(StatementFailure.INSUFFICIENT_PRIVILEGE, "denied", SERVER, admin)
    assert finding.reason is Reason.DATABASE_RIGHTS_MISSING
    assert 'ALTER ROLE "a""b" CREATEROLE CREATEDB;' in finding.message


def test_a_missing_maintenance_database_is_named_with_its_field() -> None:
    """Finding F9."""
    finding = explain_connect_failure(ConnectFailure.NO_DATABASE, "it does not exist", SERVER, ADMIN)
    assert finding.reason is Reason.DATABASE_NOT_FOUND
    assert "has no database 'postgres'" in finding.message
    assert "set `spec.database.maintenanceDatabase`" in finding.message
