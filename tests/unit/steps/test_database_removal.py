"""What a deleted registry leaves in PostgreSQL, by the deletion policy and by the markers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.database import Marker, ObservedDatabase
from harbor_operator.model.outcomes import Done
from harbor_operator.plan import names
from harbor_operator.ports import Unavailable
from tests.fakes.database_fixture import LOGIN, ROLE, DatabaseFixture, registry

DELETE = {"deletionPolicy": {"database": "Delete"}}


DATA_SECRETS = {"hreg-cr-pins", "hreg-cr-admin-password"}


@pytest.fixture
def fixture() -> DatabaseFixture:
    """With the Secrets that a release has generated."""
    fixture = DatabaseFixture()
    for name in DATA_SECRETS:
        fixture.kube.put("intra", name, {"key": "generated"}, names.owner_labels(registry()))
    return fixture


def left(fixture: DatabaseFixture) -> set[str]:
    return {name for _, name in fixture.kube.secrets} & DATA_SECRETS


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
    assert left(fixture) == set()
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
    assert left(fixture) == DATA_SECRETS


async def test_a_database_that_stays_keeps_the_secrets_of_its_data(fixture: DatabaseFixture) -> None:
    """Its new owner needs Harbor's `secretKey` as well."""
    await fixture.step.reconcile(registry())
    fixture.postgres.databases["registry"] = replace(fixture.postgres.databases["registry"], owner="wiki")
    assert isinstance(await fixture.step.teardown(registry(**DELETE)), Done)
    assert list(fixture.postgres.databases) == ["registry"]
    assert left(fixture) == DATA_SECRETS


async def test_a_removal_that_is_interrupted_loses_no_secret(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.forget()
    fixture.postgres.dies_after = 1
    with pytest.raises(Unavailable):
        await fixture.step.teardown(registry(**DELETE))
    assert left(fixture) == DATA_SECRETS
    fixture.postgres.down, fixture.postgres.dies_after = False, None
    assert isinstance(await fixture.step.teardown(registry(**DELETE)), Done)
    assert left(fixture) == set()


async def test_a_given_admin_password_is_not_removed(fixture: DatabaseFixture) -> None:
    given = {"adminPasswordSecretRef": {"name": "hreg-cr-admin-password"}}
    await fixture.step.reconcile(registry())
    assert isinstance(await fixture.step.teardown(registry(**DELETE, **given)), Done)
    assert left(fixture) == {"hreg-cr-admin-password"}


async def test_a_retained_release_retains_its_database(fixture: DatabaseFixture) -> None:
    policy = {"deletionPolicy": {"release": "Retain", "database": "Delete"}}
    await fixture.step.reconcile(registry())
    fixture.forget()
    outcome = await fixture.step.teardown(registry(release={"version": "1.19.1"}, **policy))
    assert isinstance(outcome, Done)
    assert "`spec.deletionPolicy.release` is 'Retain'" in outcome.message
    assert fixture.is_untouched()
    assert isinstance(await fixture.step.teardown(registry(**policy)), Done)
    assert fixture.postgres.databases == {}


async def test_delete_keeps_what_belongs_to_others(fixture: DatabaseFixture) -> None:
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", "wiki", "", is_open_to_public=True)
    fixture.role(Marker("other/cr", "uid-7"))
    assert isinstance(await fixture.step.teardown(registry(**DELETE)), Done)
    assert list(fixture.postgres.databases) == ["registry"]
    assert list(fixture.postgres.roles) == [ROLE]
