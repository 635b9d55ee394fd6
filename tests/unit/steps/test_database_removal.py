"""What a deleted registry leaves in PostgreSQL, by the deletion policy and by the markers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.database import Marker, ObservedDatabase
from harbor_operator.model.outcomes import Done
from tests.fakes.database_fixture import LOGIN, ROLE, DatabaseFixture, registry

DELETE = {"deletionPolicy": {"database": "Delete"}}


@pytest.fixture
def fixture() -> DatabaseFixture:
    return DatabaseFixture()


async def test_by_default_everything_is_retained(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.forget()
    outcome = await fixture.step.teardown(registry())
    assert isinstance(outcome, Done)
    for word in ("retained", "'registry'", ROLE, LOGIN, "spec.deletionPolicy.database"):
        assert word in outcome.message
    assert fixture.is_untouched()


async def test_delete_removes_databases_role_and_secret(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    assert isinstance(await fixture.step.teardown(registry(**DELETE)), Done)
    assert (fixture.postgres.databases, fixture.postgres.roles) == ({}, {})
    assert ("intra", LOGIN) not in fixture.kube.secrets
    fixture.forget()
    assert isinstance(await fixture.step.teardown(registry(**DELETE)), Done)
    assert fixture.is_untouched()


async def test_delete_removes_a_database_that_a_newer_chart_no_longer_needs(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry(release={"version": "1.12.6"}))
    await fixture.step.teardown(registry(release={"version": "1.13.0"}, **DELETE))
    assert fixture.postgres.databases == {}


async def test_delete_keeps_what_was_handed_over(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.postgres.databases["registry"] = replace(fixture.postgres.databases["registry"], comment="")
    outcome = await fixture.step.teardown(registry(**DELETE))
    assert isinstance(outcome, Done)
    assert "'registry'" in outcome.message
    assert list(fixture.postgres.databases) == ["registry"]
    assert list(fixture.postgres.roles) == [ROLE]
    assert ("intra", LOGIN) in fixture.kube.secrets


async def test_delete_keeps_what_belongs_to_others(fixture: DatabaseFixture) -> None:
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", "wiki", "", is_open_to_public=True)
    fixture.role(Marker("other/cr", "uid-7"))
    assert isinstance(await fixture.step.teardown(registry(**DELETE)), Done)
    assert list(fixture.postgres.databases) == ["registry"]
    assert list(fixture.postgres.roles) == [ROLE]
