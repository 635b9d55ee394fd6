"""The upgrades with Helm that lead from one chart version to another, as Harbor's migrations support them."""

from __future__ import annotations

from harbor_operator.api.charts import ChartSupport, chart_of_minor, version_numbers
from harbor_operator.api.schema_versions import migrates
from harbor_operator.checks.upgrades import MAX_MINORS_PER_UPGRADE
from harbor_operator.model.upgrades import UpgradeStep


def plan_upgrade(installed: str, target: str) -> tuple[UpgradeStep, ...]:
    """Returns the upgrades in their order; none if the target is not newer, or one of the versions is not known.

    Between installed version and target, each step goes to the newest known patch of the highest minor that Harbor
    supports (RELEASES.md of goharbor/harbor).
    """
    old, new = _chart_of(installed), _chart_of(target)
    if old is None or new is None or version_numbers(target) <= version_numbers(installed):
        return ()
    minors = range(old.minor + MAX_MINORS_PER_UPGRADE, new.minor, MAX_MINORS_PER_UPGRADE)
    between = [chart for chart in map(chart_of_minor, minors) if chart]
    versions = [installed, *(chart.last_version for chart in between), target]
    return tuple(
        UpgradeStep(after, chart.harbor_minor, migrates(before, after))
        for before, after, chart in zip(versions, versions[1:], [*between, new], strict=False)
    )


def _chart_of(version: str) -> ChartSupport | None:
    """Returns the row of the table, also for a version with a suffix, such as that of a chart with changes."""
    major, minor, _ = version_numbers(version)
    return chart_of_minor(minor) if major == 1 else None
