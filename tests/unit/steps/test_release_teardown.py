from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import DeletionPolicy
from harbor_operator.model.outcomes import Done, Pending
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.release_fixture import ReleaseFixture, torn_down


@pytest.fixture
def cr() -> ReleaseFixture:
    return ReleaseFixture()


async def test_teardown_keeps_the_generated_secrets_as_long_as_the_database(cr: ReleaseFixture) -> None:
    await cr.deployed()
    outcome = await torn_down(cr)
    assert isinstance(outcome, Done)
    assert "'hreg-cr-pins'" in outcome.message
    assert cr.revisions() == []
    left = {name for _, name in cr.kube.secrets if name.startswith("hreg-")}
    assert left == {"hreg-cr-pins", "hreg-cr-admin-password", "hreg-cr-database-login"}
    cr.kube.writes.clear()
    assert isinstance(await cr.teardown(), Done)
    assert cr.kube.writes == []


@pytest.mark.parametrize(
    "database",
    [
        {},
        {"database": None},
        {"database": {"host": "pg.example.com", "credentialsSecretRef": {"name": "hreg-cr-database-login"}}},
    ],
)
async def test_the_secrets_of_the_data_are_left_to_the_database_step(
    cr: ReleaseFixture, database: dict[str, Any]
) -> None:
    """The database still exists then, and with another `secretKey` Harbor cannot read it."""
    cr.spec(deletionPolicy={"database": "Delete"}, **database)
    await cr.deployed()
    assert isinstance(await torn_down(cr), Done)
    left = {name for _, name in cr.kube.secrets if name.startswith("hreg-")}
    assert left == {"hreg-cr-pins", "hreg-cr-admin-password", "hreg-cr-database-login"}
    assert {"redis", "swift", "s3-ca", "cr-ca"} <= {name for _, name in cr.kube.secrets}


async def test_a_retained_release_is_not_changed(cr: ReleaseFixture) -> None:
    await cr.deployed()
    cr.spec(deletionPolicy={"release": "Retain"})
    cr.kube.writes.clear()
    assert isinstance(await cr.teardown(), Done)
    assert cr.kube.writes == []
    assert len(cr.revisions()) == 1


async def test_teardown_retains_a_foreign_release(cr: ReleaseFixture) -> None:
    cr.helm.write_revision(await cr.desired(), "deployed", labels={})
    outcome = await cr.teardown()
    assert isinstance(outcome, Done)
    assert "another owner" in outcome.message
    assert cr.helm.started == []
    assert len(cr.revisions()) == 1


async def test_a_failed_uninstall_is_reported_and_retried(cr: ReleaseFixture) -> None:
    await cr.deployed()
    await cr.teardown()
    cr.finish("Error: no luck")
    outcome = await cr.teardown()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_FAILED
    assert "no luck" in outcome.message
    cr.now += timedelta(seconds=outcome.requeue_after + 1)
    assert isinstance(await torn_down(cr), Done)


async def test_teardown_waits_until_the_workloads_are_gone(cr: ReleaseFixture) -> None:
    await cr.deployed()
    await cr.teardown()
    cr.finish()
    outcome = await cr.teardown()
    assert isinstance(outcome, Pending)
    assert "'cr-harbor-core'" in outcome.message
    cr.workloads()
    assert isinstance(await cr.teardown(), Done)


CLAIM = "---\nkind: PersistentVolumeClaim\nmetadata: {name: cr-harbor-registry}\n"
REVISION = "sh.helm.release.v1.cr.v1"


@pytest.mark.parametrize("policy", list(DeletionPolicy))
async def test_the_policy_at_the_deletion_decides_about_the_volume(cr: ReleaseFixture, policy: DeletionPolicy) -> None:
    """Finding D3: the manifest of the last Helm run says Delete."""
    spec: dict[str, Any] = {"storage": {"filesystem": {"size": "1Gi"}}}
    cr.spec(**spec, deletionPolicy={"storage": "Delete"})
    cr.helm.write_revision(await cr.desired(), "deployed", manifest=CLAIM)
    cr.spec(**spec, deletionPolicy={"storage": str(policy)})
    cr.kube.writes.clear()
    await cr.teardown()
    assert cr.helm.started == ["uninstall intra/cr"]
    assert cr.kube.writes == ([f"patch intra/{REVISION}"] if policy is DeletionPolicy.RETAIN else [])


async def test_a_volume_claim_that_is_not_readable_stops_the_uninstallation(cr: ReleaseFixture) -> None:
    """Finding D3."""
    cr.spec(storage={"filesystem": {"size": "1Gi"}})
    cr.helm.write_revision(await cr.desired(), "deployed", manifest="---\nkind: PersistentVolumeClaim\n")
    with pytest.raises(Refused, match=REVISION):
        await cr.teardown()
    assert cr.helm.started == []
