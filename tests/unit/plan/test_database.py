"""From a registry to a wish, and from what was seen to the smallest set of changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.charts import DatabaseKind, find_chart
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import (
    AlterRole,
    Attribute,
    CommentRole,
    CreateDatabase,
    CreateRole,
    DropDatabase,
    DropRole,
    GrantRoleToAdmin,
    MarkDatabase,
    Marker,
    ObservedRole,
    ObservedServer,
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


WISH = plan_database(_registry())
EMPTY = ObservedServer(version=15, max_connections=300, admin=admin())
ROLE = ObservedRole(WISH.marker.comment, WISH.connection_limit)
READY = replace(EMPTY, role=ROLE, databases=(marked("registry", WISH.role, WISH.marker),))


@pytest.mark.parametrize(
    ("version", "databases", "oldest"),
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
def test_a_chart_gets_the_databases_it_needs(version: str, databases: list[str], oldest: int) -> None:
    desired = plan_database(_registry(release={"version": version}))
    assert [database.name for database in desired.databases] == databases
    assert desired.min_version == oldest


def test_names_come_from_the_spec_and_remember_their_field() -> None:
    section = {**SECTION, "names": {"notaryServer": "signatures"}}
    desired = plan_database(_registry(database=section, release={"version": "1.9.0"}))
    assert ("signatures", "spec.database.names.notaryServer") in {(d.name, d.path) for d in desired.databases}


def test_without_a_section_there_is_no_wish() -> None:
    with pytest.raises(ValueError, match=r"spec\.database"):
        plan_database(_registry(database=None))


def test_every_minor_from_2_to_19_is_known_and_nothing_else() -> None:
    known = [find_chart(f"1.{minor}.3") for minor in range(2, 20)]
    assert [chart.minor for chart in known if chart] == list(range(2, 20))
    assert all(chart and chart.databases[0] is DatabaseKind.CORE for chart in known)
    assert [find_chart(version) for version in ("1.1.0", "1.20.0", "2.0.0", "1.19", "1.19.1-rc1")] == [None] * 5


def test_an_empty_server() -> None:
    assert plan_changes(WISH, EMPTY, PASSWORD) == (
        CreateRole(WISH.role, 200, WISH.marker, PASSWORD),
        GrantRoleToAdmin(WISH.role),
        CreateDatabase("registry", WISH.role, WISH.marker),
        RevokePublicConnect("registry", WISH.role),
    )


def test_a_superuser_need_not_join_but_takes_the_schema_of_an_old_server() -> None:
    changes = plan_changes(WISH, replace(EMPTY, version=14, admin=admin("SUPERUSER")), PASSWORD)
    assert [type(change) for change in changes] == [CreateRole, CreateDatabase, RevokePublicConnect, OwnPublicSchema]


def test_a_server_as_wished() -> None:
    assert plan_changes(WISH, READY, PASSWORD) == ()


@pytest.mark.parametrize(
    ("role", "change"),
    [
        (replace(ROLE, connection_limit=5), AlterRole(WISH.role, 200, ())),
        (replace(ROLE, lacking=(Attribute.LOGIN,)), AlterRole(WISH.role, 200, (Attribute.LOGIN,))),
        (replace(ROLE, comment=Marker("intra/cr", "uid-0").comment), CommentRole(WISH.role, WISH.marker)),
        (replace(ROLE, admin_is_member=False), GrantRoleToAdmin(WISH.role)),
    ],
)
def test_a_role_that_drifted(role: ObservedRole, change: object) -> None:
    assert plan_changes(WISH, replace(READY, role=role), PASSWORD) == (change,)


def test_a_database_that_drifted() -> None:
    (database,) = READY.databases
    opened = replace(READY, databases=(replace(database, is_open_to_public=True),))
    assert plan_changes(WISH, opened, PASSWORD) == (RevokePublicConnect("registry", WISH.role),)
    earlier = replace(READY, databases=(replace(database, comment=Marker("intra/cr", "uid-0").comment),))
    assert plan_changes(WISH, earlier, PASSWORD) == (MarkDatabase("registry", WISH.role, WISH.marker),)


def test_a_database_that_was_handed_over_stays_unmarked() -> None:
    handed = replace(READY, databases=(replace(READY.databases[0], comment="ours since May"),))
    assert plan_changes(WISH, handed, PASSWORD) == ()


def test_removal() -> None:
    assert plan_removal(WISH, READY) == (DropDatabase("registry", WISH.role), DropRole(WISH.role))
    assert plan_removal(WISH, EMPTY) == ()


def test_removal_joins_a_role_it_has_lost() -> None:
    lost = replace(READY, role=replace(ROLE, admin_is_member=False))
    assert plan_removal(WISH, lost)[0] == GrantRoleToAdmin(WISH.role)


def test_removal_keeps_the_role_of_a_database_that_stays() -> None:
    other = replace(READY.databases[0], name="notes", comment="")
    assert plan_removal(WISH, replace(READY, databases=(*READY.databases, other))) == (
        DropDatabase("registry", WISH.role),
    )


def test_removal_needs_the_very_same_uid() -> None:
    desired = replace(WISH, marker=Marker("intra/cr", "uid-2"))
    assert plan_removal(desired, READY) == ()
