"""What a deleted registry leaves in PostgreSQL, by the deletion policy and by the markers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.database import Marker, ObservedDatabase
from harbor_operator.model.outcomes import Done
from tests.fakes.database_world import LOGIN, ROLE, DatabaseFixture, registry

DELETE = {"deletionPolicy": {"database": "Delete"}}


@pytest.fixture
def world() -> DatabaseFixture:
    return DatabaseFixture()


async def test_by_default_everything_is_kept(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry())
    world.forget()
    outcome = await world.step.teardown(registry())
    assert isinstance(outcome, Done)
    for word in ("kept", "'registry'", ROLE, LOGIN, "spec.deletionPolicy.database"):
        assert word in outcome.message
    assert world.is_untouched()


async def test_delete_removes_databases_role_and_secret(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry())
    assert isinstance(await world.step.teardown(registry(**DELETE)), Done)
    assert (world.postgres.databases, world.postgres.roles) == ({}, {})
    assert ("intra", LOGIN) not in world.kube.secrets
    world.forget()
    assert isinstance(await world.step.teardown(registry(**DELETE)), Done)
    assert world.is_untouched()


async def test_delete_removes_a_database_that_a_newer_chart_no_longer_needs(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry(release={"version": "1.12.6"}))
    await world.step.teardown(registry(release={"version": "1.13.0"}, **DELETE))
    assert world.postgres.databases == {}


async def test_delete_keeps_what_was_handed_over(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry())
    world.postgres.databases["registry"] = replace(world.postgres.databases["registry"], comment="")
    outcome = await world.step.teardown(registry(**DELETE))
    assert isinstance(outcome, Done)
    assert "'registry'" in outcome.message
    assert list(world.postgres.databases) == ["registry"]
    assert list(world.postgres.roles) == [ROLE]
    assert ("intra", LOGIN) in world.kube.secrets


async def test_delete_keeps_what_belongs_to_others(world: DatabaseFixture) -> None:
    world.postgres.databases["registry"] = ObservedDatabase("registry", "wiki", "", is_open_to_public=True)
    world.role(Marker("other/cr", "uid-7"))
    assert isinstance(await world.step.teardown(registry(**DELETE)), Done)
    assert list(world.postgres.databases) == ["registry"]
    assert list(world.postgres.roles) == [ROLE]
