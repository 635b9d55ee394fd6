"""What the release step observes and demands before one chart version replaces another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from harbor_operator.api.charts import find_chart, version_numbers
from harbor_operator.api.schema_versions import chart_of_schema
from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.checks.upgrades import (
    check_migrated,
    check_path,
    check_volume,
    missing_confirmations,
    schema_too_old,
    unconfirmed,
)
from harbor_operator.model.database import ObservedSchema
from harbor_operator.model.outcomes import Blocked, Outcome, Pending
from harbor_operator.model.release import ObservedRelease, ReleaseSecrets
from harbor_operator.model.upgrades import NO_UPGRADE, UpgradeFacts, UpgradeStep
from harbor_operator.plan import names
from harbor_operator.plan.upgrade_path import plan_upgrade
from harbor_operator.reasons import Reason
from harbor_operator.steps.harbor_database import HarborDatabase


class UpgradeGuard:
    """Refuses an upgrade that is not confirmed, or that would begin before the last one has ended; writes nothing."""

    def __init__(self, database: HarborDatabase, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def check(
        self, registry: HarborRegistry, release: Release, secrets: ReleaseSecrets, observed: ObservedRelease
    ) -> Blocked | Pending | None:
        """Returns why Helm must not run, or None; reads the database only if the version changes."""
        installed = observed.installed_version
        if installed == release.version:
            return None
        schema = await self._database.read_schema(registry, secrets)
        if installed:
            chart = find_chart(installed)
            if schema and chart and (wait := check_migrated(chart, find_chart(release.version), schema)):
                return wait
            steps = plan_upgrade(installed, release.version)
            missing = self._missing(registry, release, observed, steps[0]) if steps else {}
            return unconfirmed(f"chart '{installed}'", steps[0], missing) if steps else None
        if schema:
            return self._check_first(release, schema)
        return self._check_volume(registry, release, secrets) if registry.spec.database is None else None

    def with_facts(
        self, outcome: Outcome, registry: HarborRegistry, release: Release, observed: ObservedRelease
    ) -> Outcome:
        """Returns the outcome with what status reports about the upgrade from the observed release."""
        is_deployed = outcome.facts.chart_version is not None
        deployed_at = _deployed_at(registry, observed) if is_deployed else None
        upgrade = self._describe(registry, release, observed)
        return replace(outcome, facts=replace(outcome.facts, chart_deployed_at=deployed_at, upgrade=upgrade))

    def _check_first(self, release: Release, schema: ObservedSchema) -> Blocked | None:
        """Checks the first release on a database that an earlier Harbor filled, which is an upgrade as well."""
        chart = chart_of_schema(schema.version)
        if chart is None:
            return schema_too_old(schema.version)
        steps = plan_upgrade(chart.last_version, release.version)
        desired = find_chart(release.version)
        if not steps or desired is None or desired.minor == chart.minor:
            return None
        missing = missing_confirmations(steps[0], release.allow_upgrade_to, "", None, self._clock())
        origin = f"the database of Harbor {chart.harbor_minor}"
        return check_path(chart.last_version, release.version, steps) or unconfirmed(origin, steps[0], missing)

    def _check_volume(self, registry: HarborRegistry, release: Release, secrets: ReleaseSecrets) -> Blocked | None:
        """Checks the first release on the volume in which an earlier one has left the database of the chart."""
        # An earlier operator has recorded the version only at a deletion, so that the status can be newer.
        version = max(secrets.chart_version, registry.observed.chart_version, key=version_numbers)
        if not version:
            return None
        steps = plan_upgrade(version, release.version)
        if refused := check_volume(version, release.version, steps, names.data_secrets(registry)):
            return refused
        missing = missing_confirmations(steps[0], release.allow_upgrade_to, "", None, self._clock()) if steps else {}
        return unconfirmed(f"the retained database of chart '{version}'", steps[0], missing) if steps else None

    def _describe(self, registry: HarborRegistry, release: Release, observed: ObservedRelease) -> UpgradeFacts:
        if observed.stored is None:
            return NO_UPGRADE
        newest = observed.stored.chart_version
        is_deployed = observed.revisions[-1].status == "deployed"
        installed = newest if is_deployed else registry.observed.chart_version
        steps = plan_upgrade(installed, release.version)
        if not steps:
            return NO_UPGRADE
        if newest == steps[0].version:
            return UpgradeFacts(installed, release.version, steps)
        waits = [f"`spec.release.version` '{steps[0].version}'"] if len(steps) > 1 else []
        waits += self._missing(registry, release, observed, steps[0]).values()
        return UpgradeFacts(installed, release.version, steps, tuple(waits))

    def _missing(
        self, registry: HarborRegistry, release: Release, observed: ObservedRelease, step: UpgradeStep
    ) -> dict[Reason, str]:
        backup, deployed_at = registry.metadata.backup_completed_at, _deployed_at(registry, observed)
        return missing_confirmations(step, release.allow_upgrade_to, backup, deployed_at, self._clock())


def _deployed_at(registry: HarborRegistry, observed: ObservedRelease) -> datetime | None:
    """Returns since when the chart version of the newest revision is deployed; other values do not count."""
    stored, known = observed.stored, registry.observed
    if stored is None:
        return None
    is_known = known.chart_version == stored.chart_version and known.chart_deployed_at
    return known.chart_deployed_at if is_known else stored.changed_at
