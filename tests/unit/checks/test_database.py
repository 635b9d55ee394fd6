"""Each observed server has its finding."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from harbor_operator.checks.database import (
    check_server,
    server_warnings,
    uses_admin_login,
)
from harbor_operator.model.database import (
    DesiredDatabases,
    Marker,
    ObservedDatabase,
    ObservedRole,
    ObservedServer,
    PostgresLogin,
    WantedDatabase,
)
from harbor_operator.reasons import Reason
from tests.fakes.postgres import admin

MARKER = Marker("intra/cr", "uid-1")
DESIRED = DesiredDatabases("harbor", (WantedDatabase("registry", "spec.database.names.core"),), MARKER, 200, 12)
EMPTY = ObservedServer(version=15, max_connections=300, admin=admin())
NAME = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
UID = st.uuids().map(str)


@given(st.builds(lambda space, name, *ids: Marker(f"{space}/{name}", *ids), NAME, NAME, UID, UID | st.just("")))
def test_a_marker_survives_the_server(marker: Marker) -> None:
    assert Marker.parse(marker.comment) == marker


@pytest.mark.parametrize("comment", ["", "made by hand", "harbor-operator.io registry=intra/cr", " " + MARKER.comment])
def test_anything_else_is_no_marker(comment: str) -> None:
    assert Marker.parse(comment) is None


@pytest.mark.parametrize("comment", ["", Marker("intra/cr", "uid-1", "other").comment])
def test_a_second_role_that_is_not_of_this_registry_is_not_changed(comment: str) -> None:
    desired = replace(DESIRED, second=PostgresLogin("harbor_b", SecretStr("x"), "Secret 'b'"))
    observed = replace(EMPTY, version=16, role=ObservedRole(MARKER.comment, 200), second=ObservedRole(comment, 200))
    found = check_server(desired, observed)
    assert found
    assert found.reason is Reason.DATABASE_ROLE_TAKEN
    assert found.message.startswith("role 'harbor_b' exists")
    assert f"COMMENT ON ROLE \"harbor_b\" IS '{MARKER.comment}';" in found.message
    assert 'GRANT "harbor_b" TO "admin" WITH ADMIN OPTION;' in found.message


def test_an_absent_second_role_needs_the_right_to_create_roles() -> None:
    desired = replace(DESIRED, second=PostgresLogin("harbor_b", SecretStr("x"), "Secret 'b'"))
    ready = replace(EMPTY, admin=admin("CREATEDB"), role=ObservedRole(MARKER.comment, 200))
    found = check_server(desired, ready)
    assert found
    assert "CREATEROLE" in found.message
    assert check_server(desired, replace(ready, second=ready.role)) is None


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
            replace(EMPTY, role=ObservedRole(Marker("intra/cr", "uid-0").comment, -1)),
            Reason.DATABASE_ROLE_TAKEN,
            "restore its login Secret",
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
        replace(EMPTY, role=ObservedRole(MARKER.comment, 5)),
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


HERE = replace(DESIRED, marker=Marker("intra/cr", "uid-1", "cluster-a"))


@pytest.mark.parametrize(
    ("marker", "login_proven", "is_free"),
    [
        (Marker("intra/cr", "uid-1", "cluster-a"), False, True),
        (Marker("intra/cr", "uid-0", "cluster-a"), False, True),
        (Marker("intra/cr", "uid-1", "cluster-b"), True, False),
        (Marker("intra/cr", "uid-0", "cluster-b"), True, False),
        (Marker("other/cr", "uid-1", "cluster-a"), True, False),
        (Marker("intra/cr", "uid-1"), False, True),
        (Marker("intra/cr", "uid-0"), False, False),
        (Marker("intra/cr", "uid-0"), True, True),
    ],
)
def test_only_the_role_of_this_cluster_and_name_is_taken_up(marker: Marker, login_proven: bool, is_free: bool) -> None:
    """Findings D5 and R7: a marker without a cluster needs a login that works."""
    role = ObservedRole(marker.comment, 200)
    found = check_server(HERE, replace(EMPTY, role=role), login_proven=login_proven)
    assert (found is None) is is_free
    assert found is None or found.reason is Reason.DATABASE_ROLE_TAKEN


def test_a_database_of_another_cluster_is_not_taken_up() -> None:
    """Finding D5."""
    comment = Marker("intra/cr", "uid-1", "cluster-b").comment
    database = ObservedDatabase("registry", "harbor", comment, is_open_to_public=False)
    role = ObservedRole(HERE.marker.comment, 200)
    found = check_server(HERE, replace(EMPTY, role=role, databases=(database,)))
    assert found
    assert found.reason is Reason.DATABASE_OWNED_BY_OTHER
    assert "cluster cluster-b" in found.message


@pytest.mark.parametrize(
    ("name", "rights", "owner", "is_own"),
    [
        ("harbor", "CREATEROLE CREATEDB", None, True),
        ("dba", "", "dba", True),
        ("dba", "CREATEDB", "dba", True),
        ("dba", "", "wiki", False),
        ("dba", "", None, False),
        ("dba", "CREATEROLE", "dba", False),
        ("dba", "SUPERUSER", "dba", False),
    ],
)
def test_an_admin_login_is_harbors_own_if_it_owns_the_databases(
    name: str, rights: str, owner: str | None, is_own: bool
) -> None:
    """Finding D10."""
    databases = (ObservedDatabase("registry", owner, "", is_open_to_public=True),) if owner else ()
    observed = replace(EMPTY, admin=replace(admin(rights), name=name), databases=databases)
    assert uses_admin_login(DESIRED, observed) is is_own
