"""An upgrade that migrates the database begins only with its confirmations, and after the last one has ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harbor_operator.api.v1alpha1 import PreviousStatus
from harbor_operator.model.database import LoginResult, ObservedDatabase, ObservedLogin, ObservedSchema
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.model.upgrades import NO_UPGRADE
from harbor_operator.reasons import Reason
from tests.fakes.postgres import FakeRole
from tests.fakes.release import DATABASE_PASSWORD, NAMESPACE
from tests.fakes.release_fixture import ReleaseFixture, torn_down

ROLE = "harbor_intra_cr"


@pytest.fixture
async def cr() -> ReleaseFixture:
    """Chart 1.13.5 with the database of Harbor 2.9."""
    fixture = ReleaseFixture()
    fixture.postgres.roles[ROLE] = FakeRole(DATABASE_PASSWORD)
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", ROLE, "", is_open_to_public=False)
    fixture.spec("1.13.5")
    await fixture.deployed()
    assert isinstance(await fixture.reconcile(), Done)
    migrated(fixture, 120)
    fixture.helm.started.clear()
    return fixture


def migrated(fixture: ReleaseFixture, version: int, *, migrating: bool = False) -> None:
    schema = ObservedSchema(version, is_dirty=migrating, is_migrating=migrating)
    fixture.postgres.contents["registry"] = ObservedLogin(LoginResult.ACCEPTED, schema=schema)


def assert_blocked(fixture: ReleaseFixture, outcome: Outcome, reason: Reason) -> str:
    assert isinstance(outcome, Blocked), outcome
    assert outcome.reason is reason, outcome.message
    assert fixture.helm.started == []
    return outcome.message


async def test_a_migration_waits_for_its_permission_and_a_backup(cr: ReleaseFixture) -> None:
    cr.spec("1.15.2")
    outcome = await cr.reconcile()
    message = assert_blocked(cr, outcome, Reason.UPGRADE_NOT_ALLOWED)
    assert "`spec.release.allowUpgradeTo` '1.15.2' and for a backup" in message
    upgrade = outcome.facts.upgrade
    assert upgrade
    assert (upgrade.installed, upgrade.target, len(upgrade.steps), len(upgrade.waits_for)) == ("1.13.5", "1.15.2", 1, 2)

    cr.upgrade("1.15.2")
    cr.backup(cr.now - timedelta(days=1))
    assert_blocked(cr, await cr.reconcile(), Reason.BACKUP_OUTDATED)

    cr.upgrade("1.15.2")
    assert isinstance(await cr.reconcile(), Pending)
    assert len(cr.helm.started) == 1
    running = (await cr.reconcile()).facts.upgrade
    assert running
    assert running.waits_for == ()

    cr.finish()
    done = await cr.reconcile()
    assert isinstance(done, Done)
    assert done.facts.upgrade == NO_UPGRADE
    assert done.facts.chart_deployed_at


async def test_the_permission_of_the_last_upgrade_does_not_count(cr: ReleaseFixture) -> None:
    cr.spec(release={"version": "1.15.2", "allowUpgradeTo": "1.13.5"})
    cr.backup(cr.now + timedelta(seconds=1))
    assert_blocked(cr, await cr.reconcile(), Reason.UPGRADE_NOT_ALLOWED)


async def test_other_values_need_no_backup_and_keep_the_age_of_the_version(cr: ReleaseFixture) -> None:
    first = (await cr.reconcile()).facts.chart_deployed_at
    cr.now += timedelta(days=3)
    cr.spec("1.13.5", expose={"type": "clusterIP"})
    known = PreviousStatus(chart_version="1.13.5", chart_deployed_at=first)
    cr.registry = cr.registry.model_copy(update={"observed": known})
    assert isinstance(await cr.reconcile(), Pending)
    cr.finish()
    assert (await cr.reconcile()).facts.chart_deployed_at == first


async def test_several_steps_are_shown_and_refused_at_once(cr: ReleaseFixture) -> None:
    cr.upgrade("1.19.1")
    outcome = await cr.reconcile()
    message = assert_blocked(cr, outcome, Reason.UPGRADE_REFUSED)
    assert "to '1.15.2' first, then to '1.17.4' and '1.19.1'" in message
    upgrade = outcome.facts.upgrade
    assert upgrade
    assert [step.version for step in upgrade.steps] == ["1.15.2", "1.17.4", "1.19.1"]
    assert upgrade.waits_for == ("`spec.release.version` '1.15.2'", "`spec.release.allowUpgradeTo` '1.15.2'")


async def test_the_next_upgrade_waits_until_the_database_is_that_of_the_installed_version(cr: ReleaseFixture) -> None:
    cr.upgrade("1.15.2")
    migrated(cr, 111)
    assert "still that of Harbor 2.8" in assert_blocked(cr, await cr.reconcile(), Reason.UPGRADE_INCOMPLETE)
    migrated(cr, 120, migrating=True)
    waiting = await cr.reconcile()
    assert isinstance(waiting, Pending)
    assert waiting.reason is Reason.UPGRADE_INCOMPLETE
    migrated(cr, 120)
    assert isinstance(await cr.reconcile(), Pending)
    assert cr.helm.started


async def test_a_failed_upgrade_is_tried_again_without_another_backup(cr: ReleaseFixture) -> None:
    cr.upgrade("1.15.2")
    await cr.reconcile()
    cr.finish("timed out")
    cr.now += timedelta(hours=1)
    assert isinstance(await cr.reconcile(), Pending)
    assert len(cr.helm.started) == 2
    failed = (await cr.reconcile()).facts.upgrade
    assert failed


async def test_an_upgrade_whose_helm_run_was_killed_goes_on_to_the_same_version(cr: ReleaseFixture) -> None:
    cr.upgrade("1.15.2")
    await cr.reconcile()
    cr.helm.interrupt(NAMESPACE, "cr")
    cr.helm.write_revision(await cr.desired(), "pending-upgrade")
    assert (await cr.reconcile()).reason is Reason.RELEASE_LOCKED
    cr.now += timedelta(hours=1)
    assert (await cr.reconcile()).reason is Reason.RELEASE_LOCKED
    resumed = await cr.reconcile()
    assert resumed.reason is Reason.RELEASE_UPGRADING
    assert "with chart 1.15.2" in resumed.message
    cr.finish()
    assert isinstance(await cr.reconcile(), Done)
    assert len(cr.revisions()) == 3


@pytest.mark.parametrize(
    ("schema", "allowed", "reason"),
    [
        (5, "1.19.1", Reason.UPGRADE_REFUSED),
        (120, "1.19.1", Reason.UPGRADE_REFUSED),
        (160, "", Reason.UPGRADE_NOT_ALLOWED),
        (160, "1.19.1", None),
        (180, "", None),
        (None, "", None),
    ],
)
async def test_a_database_of_an_earlier_harbor_is_upgraded_as_carefully(
    schema: int | None, allowed: str, reason: Reason | None
) -> None:
    fixture = ReleaseFixture()
    fixture.postgres.roles[ROLE] = FakeRole(DATABASE_PASSWORD)
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", ROLE, "", is_open_to_public=False)
    fixture.kube.put(NAMESPACE, "old", {"secretKey": "0123456789abcdef"})
    if schema:
        migrated(fixture, schema)
    fixture.spec(release={"version": "1.19.1", "allowUpgradeTo": allowed, "secretKeyRef": {"name": "old"}})
    outcome = await fixture.reconcile()
    assert (outcome.reason if isinstance(outcome, Blocked) else None) is reason


@pytest.fixture
async def retained() -> ReleaseFixture:
    """Chart 1.15.2 was deleted, and its own database stayed in the volume."""
    fixture = ReleaseFixture()
    fixture.spec("1.15.2", database=None)
    await fixture.deployed()
    assert isinstance(await torn_down(fixture), Done)
    fixture.helm.started.clear()
    return fixture


async def test_the_volume_of_a_deleted_release_is_upgraded_as_carefully(retained: ReleaseFixture) -> None:
    retained.spec("1.16.4", database=None)
    message = assert_blocked(retained, await retained.reconcile(), Reason.UPGRADE_NOT_ALLOWED)
    assert "the retained database of chart '1.15.2'" in message
    retained.spec("1.19.1", database=None)
    message = assert_blocked(retained, await retained.reconcile(), Reason.UPGRADE_REFUSED)
    assert "to '1.15.2' first, then to '1.17.4' and '1.19.1'" in message
    retained.spec("1.14.3", database=None)
    message = assert_blocked(retained, await retained.reconcile(), Reason.UPGRADE_REFUSED)
    assert "chart '1.15.2' has left its database in a volume" in message
    assert "to '1.15.2' or newer" in message
    assert "Secret 'hreg-cr-pins' and Secret 'hreg-cr-admin-password'" in message
    assert "installed" not in message
    retained.spec(database=None, release={"version": "1.16.4", "allowUpgradeTo": "1.16.4"})
    assert (await retained.reconcile()).reason is Reason.RELEASE_INSTALLING


async def test_the_volume_of_a_deleted_release_comes_back_with_its_version(retained: ReleaseFixture) -> None:
    before = retained.kube.values(NAMESPACE, "hreg-cr-pins")
    assert before["CHART_VERSION"] == "1.15.2"
    await retained.deployed()
    assert isinstance(await retained.reconcile(), Done)
    assert retained.kube.values(NAMESPACE, "hreg-cr-pins") == before


async def test_the_record_follows_each_deployed_version(retained: ReleaseFixture) -> None:
    """Helm's Secrets are lost after an upgrade: the record of the earlier deletion must not count."""
    await retained.deployed()
    await retained.reconcile()
    retained.spec(database=None, release={"version": "1.16.4", "allowUpgradeTo": "1.16.4"})
    retained.backup(retained.now + timedelta(seconds=1))
    await retained.deployed()
    assert isinstance(await retained.reconcile(), Done)
    assert recorded(retained) == "1.16.4"
    retained.kube.writes.clear()
    assert isinstance(await retained.reconcile(), Done)
    assert retained.kube.writes == []

    without_release(retained)
    retained.spec("1.18.2", database=None)
    message = assert_blocked(retained, await retained.reconcile(), Reason.UPGRADE_NOT_ALLOWED)
    assert "the retained database of chart '1.16.4'" in message


async def test_a_version_that_was_never_deployed_is_not_recorded(retained: ReleaseFixture) -> None:
    await retained.deployed()
    await retained.reconcile()
    retained.spec(database=None, release={"version": "1.16.4", "allowUpgradeTo": "1.16.4"})
    retained.backup(retained.now + timedelta(seconds=1))
    await retained.reconcile()
    retained.finish("timed out")
    assert isinstance(await torn_down(retained), Done)
    assert recorded(retained) == "1.15.2"


async def test_the_status_counts_more_than_an_older_record(retained: ReleaseFixture) -> None:
    known = PreviousStatus(chart_version="1.19.1")
    retained.spec("1.16.4", database=None)
    retained.registry = retained.registry.model_copy(update={"observed": known})
    message = assert_blocked(retained, await retained.reconcile(), Reason.UPGRADE_REFUSED)
    assert "chart '1.19.1' has left its database" in message


def recorded(fixture: ReleaseFixture) -> str:
    return fixture.kube.values(NAMESPACE, "hreg-cr-pins")["CHART_VERSION"]


def without_release(fixture: ReleaseFixture) -> None:
    """Deletes Helm's Secrets, as `helm uninstall` does."""
    for name in fixture.revisions():
        del fixture.kube.secrets[NAMESPACE, name]
    fixture.helm.started.clear()


async def test_a_database_outside_of_the_chart_needs_no_record_of_its_version(cr: ReleaseFixture) -> None:
    assert isinstance(await torn_down(cr), Done)
    assert "CHART_VERSION" not in cr.kube.values(NAMESPACE, "hreg-cr-pins")
