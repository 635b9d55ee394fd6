"""The desired databases of a registry, and the smallest set of changes from an observed server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.charts import DatabaseKind, find_chart
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import Attribute, Marker, ObservedRole, ObservedServer, PostgresLogin
from harbor_operator.model.database_changes import (
    AlterRole,
    CommentRole,
    CreateDatabase,
    CreateRole,
    DropDatabase,
    DropRole,
    EnsureLogin,
    GrantRoleToAdmin,
    MarkDatabase,
    OwnPublicSchema,
    RevokePublicConnect,
)
from harbor_operator.plan.database import plan_changes, plan_database, plan_removal
from tests.fakes.postgres import admin, marked

PASSWORD = SecretStr("x")
SECTION = {"host": "pg.example.com", "adminSecretRef": {"name": "pg-admin"}}


def _registry(**spec: Any) -> HarborRegistry:
    return HarborRegistry.parse(
        {
            "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
            "spec": {"externalURL": "https://cr.example.com", "database": SECTION, **spec},
        }
    )


DESIRED = plan_database(_registry())
EMPTY = ObservedServer(version=15, max_connections=300, admin=admin())
ROLE = ObservedRole(DESIRED.marker.comment, DESIRED.connection_limit)
READY = replace(EMPTY, role=ROLE, databases=(marked("registry", DESIRED.role, DESIRED.marker),))


@pytest.mark.parametrize(
    ("version", "databases", "min_version"),
    [
        ("1.2.0", ["registry", "clair", "notary_server", "notary_signer"], 9),
        ("1.5.6", ["registry", "clair", "notary_server", "notary_signer"], 9),
        ("1.6.0", ["registry", "notary_server", "notary_signer"], 9),
        ("1.12.6", ["registry", "notary_server", "notary_signer"], 10),
        ("1.13.0", ["registry"], 12),
        ("1.19.1", ["registry"], 12),
        ("7.0.0", ["registry"], 12),
    ],
)
def test_a_chart_version_decides_which_databases_exist(version: str, databases: list[str], min_version: int) -> None:
    desired = plan_database(_registry(release={"version": version}))
    assert [database.name for database in desired.databases] == databases
    assert desired.min_version == min_version


def test_a_database_name_keeps_the_path_of_its_field() -> None:
    section = {**SECTION, "names": {"notaryServer": "signatures"}}
    desired = plan_database(_registry(database=section, release={"version": "1.9.0"}))
    assert ("signatures", "spec.database.names.notaryServer") in {(d.name, d.path) for d in desired.databases}


def test_without_a_section_there_is_nothing_to_plan() -> None:
    with pytest.raises(ValueError, match=r"spec\.database"):
        plan_database(_registry(database=None))


def test_every_minor_from_2_to_19_is_known_and_nothing_else() -> None:
    known = [find_chart(f"1.{minor}.3") for minor in range(2, 20)]
    assert [chart.minor for chart in known if chart] == list(range(2, 20))
    assert all(chart and chart.databases[0] is DatabaseKind.CORE for chart in known)
    assert [find_chart(version) for version in ("1.1.0", "1.20.0", "2.0.0", "1.19", "1.19.1-rc1")] == [None] * 5


def test_an_empty_server() -> None:
    assert plan_changes(DESIRED, EMPTY, PASSWORD) == (
        CreateRole(DESIRED.role, 200, DESIRED.marker, PASSWORD),
        GrantRoleToAdmin(DESIRED.role),
        CreateDatabase("registry", DESIRED.role, DESIRED.marker),
        RevokePublicConnect("registry", DESIRED.role),
    )


def test_a_superuser_needs_no_grant_but_owns_the_schema_on_old_servers() -> None:
    changes = plan_changes(DESIRED, replace(EMPTY, version=14, admin=admin("SUPERUSER")), PASSWORD)
    assert [type(change) for change in changes] == [CreateRole, CreateDatabase, RevokePublicConnect, OwnPublicSchema]


def test_a_server_in_the_desired_state_needs_no_change() -> None:
    assert plan_changes(DESIRED, READY, PASSWORD) == ()


@pytest.mark.parametrize(
    ("role", "change"),
    [
        (replace(ROLE, connection_limit=5), AlterRole(DESIRED.role, 200, ())),
        (replace(ROLE, missing_attributes=(Attribute.LOGIN,)), AlterRole(DESIRED.role, 200, (Attribute.LOGIN,))),
        (replace(ROLE, comment=Marker("intra/cr", "uid-0").comment), CommentRole(DESIRED.role, DESIRED.marker)),
        (replace(ROLE, admin_is_member=False), GrantRoleToAdmin(DESIRED.role)),
    ],
)
def test_a_role_that_differs_is_altered(role: ObservedRole, change: object) -> None:
    assert plan_changes(DESIRED, replace(READY, role=role), PASSWORD) == (change,)


SECOND = PostgresLogin(f"{DESIRED.role}_b", SecretStr("y"), "Secret 'b'")


@pytest.mark.parametrize(
    ("role", "changes"),
    [
        (ROLE, ()),
        (None, (EnsureLogin(SECOND.username, DESIRED.role, 200, DESIRED.marker, SECOND.password, exists=False),)),
        (replace(ROLE, connection_limit=5), (AlterRole(SECOND.username, 200, ()),)),
        (
            replace(ROLE, missing_attributes=(Attribute.NO_EXPIRY,)),
            (AlterRole(SECOND.username, 200, (Attribute.NO_EXPIRY,)),),
        ),
        (
            replace(ROLE, comment=Marker("intra/cr", "uid-0").comment),
            (CommentRole(SECOND.username, DESIRED.marker),),
        ),
    ],
)
def test_the_second_role_is_changed_while_harbor_uses_it(
    role: ObservedRole | None, changes: tuple[object, ...]
) -> None:
    desired = replace(DESIRED, second=SECOND)
    assert plan_changes(desired, replace(READY, second=role), PASSWORD) == changes


def test_a_database_that_differs_is_altered() -> None:
    (database,) = READY.databases
    public = replace(READY, databases=(replace(database, is_open_to_public=True),))
    assert plan_changes(DESIRED, public, PASSWORD) == (RevokePublicConnect("registry", DESIRED.role),)
    previous = replace(READY, databases=(replace(database, comment=Marker("intra/cr", "uid-0").comment),))
    assert plan_changes(DESIRED, previous, PASSWORD) == (MarkDatabase("registry", DESIRED.role, DESIRED.marker),)


def test_a_database_of_another_client_stays_unmarked() -> None:
    unmarked = replace(READY, databases=(replace(READY.databases[0], comment="ours since May"),))
    assert plan_changes(DESIRED, unmarked, PASSWORD) == ()


def test_removal_drops_databases_and_role() -> None:
    assert plan_removal(DESIRED, READY) == (DropDatabase("registry", DESIRED.role), DropRole(DESIRED.role))
    assert plan_removal(DESIRED, EMPTY) == ()


def test_removal_grants_the_role_again_if_it_is_revoked() -> None:
    revoked = replace(READY, role=replace(ROLE, admin_is_member=False))
    assert plan_removal(DESIRED, revoked)[0] == GrantRoleToAdmin(DESIRED.role)


def test_removal_keeps_the_role_of_a_database_that_stays() -> None:
    other = replace(READY.databases[0], name="notes", comment="")
    assert plan_removal(DESIRED, replace(READY, databases=(*READY.databases, other))) == (
        DropDatabase("registry", DESIRED.role),
    )


def test_removal_needs_the_same_uid() -> None:
    desired = replace(DESIRED, marker=Marker("intra/cr", "uid-2"))
    assert plan_removal(desired, READY) == ()
