"""Every official chart from Harbor 2.9 on, installed and upgraded one after the other; images stay readable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harbor_operator.api.charts import find_chart
from harbor_operator.api.schema_versions import first_schema, max_schema
from lab.chart import ALL_VARIABLE, official_charts
from lab.images import make_image
from lab.lab import Lab
from lab.process import wait_until
from lab.registries import Manifest
from lab.registry_fixture import RegistryFixture
from tests.e2e.dedicated import dedicated_lab, lab_of_module, operator_of_module, registry_of_module  # noqa: F401 - fixtures

pytestmark = pytest.mark.e2e

KUBELET = False
"""The images of the other charts are not on a real node of the lab; here core and registry are processes."""

MINORS = range(13, 20)
CHARTS = {chart.minor: (version, path) for version, path in official_charts().items() if (chart := find_chart(version))}
NEEDS_CHARTS = pytest.mark.skipif(
    not set(MINORS) <= CHARTS.keys(),
    reason=f"the official charts 1.{MINORS[0]} to 1.{MINORS[-1]} are not here ({ALL_VARIABLE})",
)


def release(minor: int, *, allowed: bool = True) -> Manifest:
    version, path = CHARTS[minor]
    return {"chart": str(path), "version": version, "allowUpgradeTo": version if allowed else ""}


def annotate_backup(fixture: RegistryFixture, completed_at: datetime) -> None:
    value = f"harbor-operator.io/backup-completed-at={completed_at.isoformat()}"
    registry = fixture.registry
    fixture.lab.control_plane.kubectl("-n", registry.namespace, "annotate", "hreg", registry.name, "--overwrite", value)


def wait_deployed(fixture: RegistryFixture, minor: int) -> None:
    """Waits until the chart is deployed and ready, and the database is that of its Harbor."""
    version, registry = CHARTS[minor][0], fixture.registry
    wait_until(lambda: registry.status().get("chartVersion") == version, f"{version} is deployed", deadline=90)
    registry.wait_ready()
    chart = find_chart(version)
    assert chart

    def is_migrated() -> bool:
        schema = registry.status().get("databaseSchema") or 0
        return first_schema(chart) <= schema <= (max_schema(chart) or schema)

    wait_until(is_migrated, f"the database is that of Harbor {chart.harbor_minor}", deadline=60)
    assert "upgrade" not in registry.status()


@NEEDS_CHARTS
def test_every_minor_follows_the_one_before_and_reads_its_images(
    lab: Lab, full_registry: RegistryFixture, tmp_path: Path
) -> None:
    fixture, registry = full_registry, full_registry.registry
    spec = {key: value for key, value in fixture.spec.items() if key != "pullSecrets"}
    registry.apply({**spec, "release": release(MINORS[0])})
    wait_deployed(fixture, MINORS[0])
    make_image(tmp_path / "image", size=1 << 20)
    reference = f"{fixture.front.url.removeprefix('https://')}/library/app:1"
    access = {"authfile": fixture.admin_credential(), "ca_dir": lab.authority.ca_dir}
    pushed = fixture.skopeo.copy_in(tmp_path / "image", reference, **access)

    registry.patch({"release": release(MINORS[-1])})
    refused = registry.wait_condition("ReleaseReady", "False", "UpgradeRefused")["message"]
    assert "to '1.15.2' first, then to '1.17.4' and '1.19.1'" in refused
    steps = registry.status()["upgrade"]["steps"]
    assert [step["version"] for step in steps] == ["1.15.2", "1.17.4", "1.19.1"]
    assert steps[0]["waitsFor"][0] == "`spec.release.version` '1.15.2'"
    registry.patch({"release": release(MINORS[1], allowed=False)})
    registry.wait_condition("ReleaseReady", "False", "UpgradeNotAllowed")
    annotate_backup(fixture, datetime.now(UTC) - timedelta(days=1))
    registry.patch({"release": release(MINORS[1])})
    registry.wait_condition("ReleaseReady", "False", "BackupOutdated")
    assert registry.status()["releaseRevision"] == 1

    for revision, minor in enumerate(MINORS[1:], start=2):
        annotate_backup(fixture, datetime.now(UTC))
        registry.patch({"release": release(minor)})
        wait_deployed(fixture, minor)
        assert registry.status()["releaseRevision"] == revision
        pulled = tmp_path / f"pulled-{minor}"
        assert fixture.skopeo.copy_out(reference, pulled, **access) == pushed
