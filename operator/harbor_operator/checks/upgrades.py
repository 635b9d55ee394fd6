"""Checks of an upgrade: its steps, who confirmed it, and the schema of the database that it starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from harbor_operator.api.charts import CHARTS, SUPPORTED_RANGE, ChartSupport, version_numbers
from harbor_operator.api.request_annotations import BACKUP_COMPLETED_AT
from harbor_operator.api.schema_versions import first_schema, harbor_minor_of
from harbor_operator.model.database import ObservedSchema
from harbor_operator.model.outcomes import Blocked, Pending
from harbor_operator.model.upgrades import UpgradeStep
from harbor_operator.reasons import Reason

MAX_MINORS_PER_UPGRADE = 2
MAX_CLOCK_SKEW = timedelta(minutes=5)


def check_path(installed: str, desired: str, steps: Sequence[UpgradeStep]) -> Blocked | None:
    """Returns why the desired chart version must not follow the installed one directly; `steps` are those between."""
    if version_numbers(desired) < version_numbers(installed):
        return Blocked(
            Reason.UPGRADE_REFUSED,
            f"chart '{desired}' is older than the installed '{installed}', and Harbor cannot migrate its database"
            f" back: set `spec.release.version` to '{installed}' or newer; for the older version, restore the databases"
            " from a backup of it into a new registry",
        )
    if not steps and version_numbers(desired) > version_numbers(installed):
        return Blocked(
            Reason.UPGRADE_REFUSED,
            f"the installed chart '{installed}' is not from {SUPPORTED_RANGE}, so the way to '{desired}' is not known:"
            f" upgrade it to {CHARTS[0].last_version} without the operator first",
        )
    if len(steps) > 1:
        return Blocked(
            Reason.UPGRADE_REFUSED,
            f"from chart '{installed}' to '{desired}' is more than {MAX_MINORS_PER_UPGRADE} Harbor minors, which"
            f" Harbor's migrations do not support at once: set `spec.release.version` to '{steps[0].version}' first,"
            f" then to {' and '.join(repr(step.version) for step in steps[1:])}",
        )
    return None


def check_volume(recorded: str, desired: str, steps: Sequence[UpgradeStep], secrets: Sequence[str]) -> Blocked | None:
    """Returns why the desired chart must not start on the volume of the chart's database, which `recorded` has left.

    `secrets` are the names of the Secrets that belong to this database.
    """
    if len(steps) == 1 or version_numbers(desired) == version_numbers(recorded):
        return None
    named = " and ".join(f"Secret '{name}'" for name in secrets)
    path = f"first, then to {' and '.join(repr(step.version) for step in steps)}" if steps else "or newer"
    return Blocked(
        Reason.UPGRADE_REFUSED,
        f"chart '{recorded}' has left its database in a volume, and Harbor cannot migrate it to chart '{desired}': it"
        f" migrates over at most {MAX_MINORS_PER_UPGRADE} Harbor minors at once, and never back. Set"
        f" `spec.release.version` to '{recorded}' {path}. To start empty instead, delete this HarborRegistry, then the"
        f" volume of the database (its PersistentVolumeClaim) and {named}, and create the HarborRegistry"
        " again",
    )


def check_migrated(
    installed: ChartSupport, desired: ChartSupport | None, schema: ObservedSchema
) -> Blocked | Pending | None:
    """Returns that the database is not yet that of the installed chart, so the next upgrade must not begin.

    Another patch of the installed minor may: it migrates from the same schema, and may be what lets Harbor start.
    """
    if schema.is_migrating:
        return Pending(
            Reason.UPGRADE_INCOMPLETE,
            f"a migration of Harbor's database runs (version {schema.version} in table 'schema_migrations'); the"
            " upgrade begins after it",
        )
    if schema.version >= first_schema(installed) or (desired and desired.minor == installed.minor):
        return None
    return Blocked(
        Reason.UPGRADE_INCOMPLETE,
        f"the database is still that of Harbor {harbor_minor_of(schema.version)} (version {schema.version} in table"
        f" 'schema_migrations'): the installed Harbor {installed.harbor_minor} has not started on it, which migrates"
        f" it to {first_schema(installed)}; set `spec.release.version` back to the installed 1.{installed.minor} chart,"
        " or to a newer patch of it, until its core pods are ready",
    )


def schema_too_old(version: int) -> Blocked:
    """Returns the refusal to install on the database of a Harbor that is older than the first one of the table."""
    return Blocked(
        Reason.UPGRADE_REFUSED,
        f"the database of `spec.database.names.core` is that of a Harbor before {CHARTS[0].harbor_minor} (version"
        f" {version} in table 'schema_migrations'): upgrade that Harbor to {CHARTS[0].harbor_minor} first, and name"
        f" chart {CHARTS[0].last_version} in `spec.release.version`",
    )


def missing_confirmations(
    step: UpgradeStep, allowed: str, backup: str, deployed_at: datetime | None, now: datetime
) -> dict[Reason, str]:
    """Returns what is missing for a step that migrates the database, by reason; empty if it may begin.

    `allowed` is `spec.release.allowUpgradeTo`, `backup` the time of the last backup as the annotation has it, and
    `deployed_at` when the running version was deployed; None = no version runs, so no backup is older.
    """
    if not step.migrates:
        return {}
    missing = {}
    if allowed != step.version:
        missing[Reason.UPGRADE_NOT_ALLOWED] = f"`spec.release.allowUpgradeTo` '{step.version}'"
    if deployed_at and (why := _why_outdated(backup, deployed_at, now)):
        missing[Reason.BACKUP_OUTDATED] = (
            f"a backup that is newer than {_text(deployed_at)}, when the running version was deployed, in annotation"
            f" '{BACKUP_COMPLETED_AT}' ({why})"
        )
    return missing


def unconfirmed(installed: str, step: UpgradeStep, missing: Mapping[Reason, str]) -> Blocked | None:
    """Returns the refusal of an upgrade that lacks a confirmation."""
    if not missing:
        return None
    return Blocked(
        next(iter(missing)),
        f"the upgrade from {installed} to chart '{step.version}' (Harbor {step.harbor_minor}) migrates Harbor's"
        f" database, and only a backup leads back: it waits for {' and for '.join(missing.values())}; take the backup"
        " first",
    )


def _why_outdated(backup: str, deployed_at: datetime, now: datetime) -> str:
    """Returns why the backup does not count, or an empty text."""
    if not backup:
        return "it is missing"
    try:
        found = datetime.fromisoformat(backup)
        completed_at = found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        completed_at = None
    if completed_at is None:
        return "it is no time such as 2026-11-28T03:00:00Z"
    if completed_at > now + MAX_CLOCK_SKEW:
        return "it is in the future"
    return "" if completed_at > deployed_at else f"it is {_text(completed_at)}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
