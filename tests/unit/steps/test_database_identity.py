"""Whose role and databases a registry takes up, by the identity in their markers."""

from __future__ import annotations

import pytest

from harbor_operator.model.database import Marker
from harbor_operator.model.database_changes import FinishDatabase
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.plan import names
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.database_fixture import LOGIN, OURS, ROLE, DatabaseFixture, registry, with_identity
from tests.fakes.postgres import FakeRole, marked

DELETE = {"deletionPolicy": {"database": "Delete"}}


@pytest.fixture
def fixture() -> DatabaseFixture:
    return DatabaseFixture()


async def test_the_registry_of_another_cluster_changes_nothing_while_no_harbor_is_connected(
    fixture: DatabaseFixture,
) -> None:
    """Finding D5."""
    await fixture.step.reconcile(with_identity(registry(), "uid-1", "cluster-a"))
    other = DatabaseFixture(postgres=fixture.postgres)
    fixture.forget()
    outcome = await other.step.reconcile(with_identity(registry(), "uid-2", "cluster-b"))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_OWNED_BY_OTHER
    assert "registry 'intra/cr' (uid uid-1, cluster cluster-a)" in outcome.message
    assert other.is_untouched()


async def test_the_registry_of_another_cluster_has_its_own_role(fixture: DatabaseFixture) -> None:
    """Findings F1 and D5: one manifest in two clusters, with different databases."""
    await fixture.step.reconcile(with_identity(registry(), "uid-1", "cluster-a"))
    other = DatabaseFixture(postgres=fixture.postgres)
    second = registry({"names": {"core": "second"}})
    assert isinstance(await other.step.reconcile(with_identity(second, "uid-2", "cluster-b")), Done)
    owners = {name: database.owner for name, database in fixture.postgres.databases.items()}
    assert set(owners) == {"registry", "second"}
    assert owners["registry"] != owners["second"]


async def test_a_copied_login_secret_does_not_open_the_role_of_another_cluster(fixture: DatabaseFixture) -> None:
    """Findings F1 and D5: a namespace that is restored in another cluster while the first one still runs."""
    await fixture.step.reconcile(with_identity(registry(), "uid-1", "cluster-a"))
    fixture.forget()
    outcome = await fixture.step.reconcile(with_identity(registry(), "uid-2", "cluster-b"))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_ROLE_TAKEN
    assert "cluster cluster-a" in outcome.message
    assert fixture.is_untouched()


@pytest.mark.parametrize("keeps_secret", [True, False])
async def test_the_role_of_an_earlier_version_is_used_further(fixture: DatabaseFixture, keeps_secret: bool) -> None:
    """Its name did not depend on the cluster."""
    earlier, ours = "harbor_intra_cr", with_identity(registry(), "uid-1", "cluster-a")
    marker = Marker("intra/cr", "uid-1", "cluster-a")
    fixture.postgres.roles[earlier] = FakeRole("generated0password", marker.comment, 200)
    fixture.postgres.databases["registry"] = marked("registry", earlier, marker)
    if keeps_secret:
        login = {"username": earlier, "password": "generated0password"}
        fixture.kube.put("intra", LOGIN, login, names.owner_labels(ours))
    assert isinstance(await fixture.step.reconcile(ours), Done)
    assert list(fixture.postgres.roles) == [earlier]
    assert fixture.kube.values("intra", LOGIN)["username"] == earlier
    assert isinstance(await fixture.step.teardown(with_identity(registry(**DELETE), "uid-1", "cluster-a")), Done)
    assert (fixture.postgres.databases, fixture.postgres.roles) == ({}, {})


async def test_a_registry_that_is_created_again_takes_up_its_role_without_its_login_secret(
    fixture: DatabaseFixture,
) -> None:
    """Finding R7: the name in this cluster identifies the registry, not its uid."""
    await fixture.step.reconcile(with_identity(registry(), "uid-1", "cluster-a"))
    del fixture.kube.secrets["intra", LOGIN]
    again = with_identity(registry(), "uid-2", "cluster-a")
    assert isinstance(await fixture.step.reconcile(again), Done)
    marker, role = Marker("intra/cr", "uid-2", "cluster-a"), names.database_role(again)
    assert fixture.postgres.roles[role].comment == marker.comment
    assert fixture.postgres.databases["registry"] == marked("registry", role, marker)


async def test_a_marker_without_a_cluster_gets_one(fixture: DatabaseFixture) -> None:
    """Finding D5: operator 0.1.0 wrote no cluster."""
    await fixture.step.reconcile(registry())
    upgraded = with_identity(registry(), "uid-1", "cluster-a")
    assert isinstance(await fixture.step.reconcile(upgraded), Done)
    marker = Marker("intra/cr", "uid-1", "cluster-a")
    assert fixture.postgres.roles[ROLE].comment == marker.comment
    assert fixture.postgres.databases["registry"].comment == marker.comment


async def test_an_interrupted_creation_is_finished(fixture: DatabaseFixture) -> None:
    """Finding D8."""
    fixture.postgres.dies_in_creation = True
    with pytest.raises(Unavailable):
        await fixture.step.reconcile(registry())
    assert fixture.postgres.databases["registry"].comment == ""
    fixture.postgres.dies_in_creation = fixture.postgres.down = False
    fixture.forget()
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.postgres.databases == {"registry": marked("registry", ROLE, OURS)}
    assert FinishDatabase("registry", ROLE, OURS) in fixture.postgres.changes


async def test_an_interrupted_creation_is_removed(fixture: DatabaseFixture) -> None:
    """Finding D8."""
    fixture.postgres.dies_in_creation = True
    with pytest.raises(Unavailable):
        await fixture.step.reconcile(registry())
    fixture.postgres.dies_in_creation = fixture.postgres.down = False
    assert isinstance(await fixture.step.teardown(registry(**DELETE)), Done)
    assert (fixture.postgres.databases, fixture.postgres.roles) == ({}, {})
