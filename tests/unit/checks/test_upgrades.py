"""Refusals of upgrades: each names the field or the table, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from harbor_operator.api.charts import ChartSupport, find_chart
from harbor_operator.checks.upgrades import (
    check_migrated,
    check_path,
    missing_confirmations,
    schema_too_old,
    unconfirmed,
)
from harbor_operator.model.database import ObservedSchema
from harbor_operator.model.outcomes import Blocked, Pending
from harbor_operator.model.upgrades import UpgradeStep
from harbor_operator.plan.upgrade_path import plan_upgrade
from harbor_operator.reasons import Reason

DEPLOYED = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOW = DEPLOYED + timedelta(days=2)
STEP = UpgradeStep("1.19.1", "2.15", migrates=True)


def chart(version: str) -> ChartSupport:
    found = find_chart(version)
    assert found
    return found


@pytest.mark.parametrize(
    ("installed", "wanted", "words"),
    [
        ("1.13.5", "1.19.1", "`spec.release.version` to '1.15.2' first, then to '1.17.4' and '1.19.1'"),
        ("1.13.5-ours", "1.19.1", "`spec.release.version` to '1.15.2' first"),
        ("1.1.0", "1.3.0", "'1.1.0' is not from 1.2 to 1.19"),
        ("1.19.1", "1.19.0", "'1.19.1' or newer"),
    ],
)
def test_refused_upgrades_say_what_to_do(installed: str, wanted: str, words: str) -> None:
    finding = check_path(installed, wanted, plan_upgrade(installed, wanted))
    assert finding
    assert finding.reason is Reason.UPGRADE_REFUSED
    assert words in finding.message


def test_one_step_is_not_refused() -> None:
    assert check_path("1.17.0", "1.19.1", plan_upgrade("1.17.0", "1.19.1")) is None
    assert check_path("1.19.1", "1.19.1", ()) is None


@pytest.mark.parametrize(
    ("backup", "why"),
    [
        ("", "it is missing"),
        ("yesterday", "it is no time such as"),
        ("0001-01-01T00:00:00+14:00", "it is no time such as"),
        ("9999-12-31T23:59:59-14:00", "it is no time such as"),
        ("2026-11-02T12:00:00", "it is no time such as"),
        ("2026-11-01T12:59:59+01:00", "it is 2026-11-01T11:59:59Z"),
        ("2026-11-01T12:00:00Z", "it is 2026-11-01T12:00:00Z"),
        ("2027-01-01T00:00:00Z", "it is in the future"),
    ],
)
def test_a_backup_of_another_version_does_not_count(backup: str, why: str) -> None:
    missing = missing_confirmations(STEP, "1.19.1", backup, DEPLOYED, NOW)
    assert list(missing) == [Reason.BACKUP_OUTDATED]
    assert "newer than 2026-11-01T12:00:00Z" in missing[Reason.BACKUP_OUTDATED]
    assert f"'harbor-operator.io/backup-completed-at' ({why}" in missing[Reason.BACKUP_OUTDATED]


@pytest.mark.parametrize("backup", ["2026-11-01T12:00:01Z", "2026-11-03T14:00:00+02:00"])
def test_a_backup_of_the_running_version_counts(backup: str) -> None:
    assert missing_confirmations(STEP, "1.19.1", backup, DEPLOYED, NOW) == {}


@pytest.mark.parametrize("allowed", ["", "1.18.4", "1.19.0", "1.20.0"])
def test_only_this_version_allows_a_migration(allowed: str) -> None:
    missing = missing_confirmations(STEP, allowed, "2026-11-02T12:00:00Z", DEPLOYED, NOW)
    assert missing == {Reason.UPGRADE_NOT_ALLOWED: "`spec.release.allowUpgradeTo` '1.19.1'"}


def test_an_upgrade_without_a_migration_needs_no_confirmation() -> None:
    assert missing_confirmations(UpgradeStep("1.19.1", "2.15", migrates=False), "", "", DEPLOYED, NOW) == {}


def test_a_refusal_has_the_first_reason_and_names_all_that_is_missing() -> None:
    blocked = unconfirmed("chart '1.18.4'", STEP, missing_confirmations(STEP, "", "", DEPLOYED, NOW))
    assert blocked
    assert blocked.reason is Reason.UPGRADE_NOT_ALLOWED
    assert "the upgrade from chart '1.18.4' to chart '1.19.1' (Harbor 2.15)" in blocked.message
    assert "`spec.release.allowUpgradeTo` '1.19.1' and for a backup" in blocked.message
    assert unconfirmed("chart '1.18.4'", STEP, {}) is None


def test_the_next_upgrade_waits_for_the_migration_of_the_last_one() -> None:
    installed, desired = chart("1.15.2"), chart("1.17.4")
    running = check_migrated(installed, desired, ObservedSchema(120, is_dirty=True, is_migrating=True))
    assert isinstance(running, Pending)
    assert running.reason is Reason.UPGRADE_INCOMPLETE
    behind = check_migrated(installed, desired, ObservedSchema(120, is_dirty=False, is_migrating=False))
    assert isinstance(behind, Blocked)
    assert behind.reason is Reason.UPGRADE_INCOMPLETE
    assert "still that of Harbor 2.9 (version 120" in behind.message
    assert "back to the installed 1.15 chart" in behind.message
    assert check_migrated(installed, desired, ObservedSchema(140, is_dirty=False, is_migrating=False)) is None


def test_another_patch_may_repair_an_upgrade_that_does_not_start() -> None:
    installed, patch = chart("1.15.0"), chart("1.15.2")
    assert check_migrated(installed, patch, ObservedSchema(120, is_dirty=False)) is None
    assert isinstance(check_migrated(installed, patch, ObservedSchema(120, is_dirty=True, is_migrating=True)), Pending)


def test_a_database_before_the_first_supported_harbor_is_refused() -> None:
    blocked = schema_too_old(5)
    assert blocked.reason is Reason.UPGRADE_REFUSED
    assert "upgrade that Harbor to 1.9 first" in blocked.message
