"""The upgrades between any two chart versions."""

from __future__ import annotations

import itertools

import pytest

from harbor_operator.api.charts import CHARTS, find_chart
from harbor_operator.checks.upgrades import MAX_MINORS_PER_UPGRADE
from harbor_operator.plan.upgrade_path import plan_upgrade


@pytest.mark.parametrize(
    ("installed", "target", "versions"),
    [
        ("1.13.5", "1.19.1", ["1.15.2", "1.17.4", "1.19.1"]),
        ("1.13.0", "1.16.4", ["1.15.2", "1.16.4"]),
        ("1.2.0", "1.6.0", ["1.4.6", "1.6.0"]),
        ("1.17.4", "1.19.1", ["1.19.1"]),
        ("1.19.0", "1.19.1", ["1.19.1"]),
        ("1.19.1", "1.19.1", []),
        ("1.19.1", "1.18.4", []),
        ("1.15.0+ours", "1.19.1", ["1.17.4", "1.19.1"]),
        ("1.1.0", "1.19.1", []),
        ("1.19.1", "2.0.0", []),
    ],
)
def test_the_steps_lead_through_the_newest_patches(installed: str, target: str, versions: list[str]) -> None:
    assert [step.version for step in plan_upgrade(installed, target)] == versions


@pytest.mark.parametrize(("old", "new"), list(itertools.combinations([chart.minor for chart in CHARTS], 2)))
def test_every_minor_leads_to_every_later_one(old: int, new: int) -> None:
    steps = plan_upgrade(f"1.{old}.0", f"1.{new}.0")
    minors = [old, *(chart.minor for step in steps if (chart := find_chart(step.version)))]
    assert steps[-1].version == f"1.{new}.0"
    assert all(0 < after - before <= MAX_MINORS_PER_UPGRADE for before, after in itertools.pairwise(minors))
    assert all(step.migrates for step in steps)


def test_a_step_names_its_harbor_and_whether_it_migrates() -> None:
    (patch,), (minor,) = plan_upgrade("1.19.0", "1.19.1"), plan_upgrade("1.18.4", "1.19.1")
    assert (patch.harbor_minor, patch.migrates) == ("2.15", False)
    assert (minor.harbor_minor, minor.migrates) == ("2.15", True)
