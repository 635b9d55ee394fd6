"""When the objects of a release are compared, and what the outcome says about them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.release_drift import (
    INTERVAL_SECONDS,
    MAX_REPAIRS,
    UNREADY_INTERVAL_SECONDS,
    DriftCheckedReleaseStep,
)
from tests.fakes.release import NAMESPACE, registry
from tests.fakes.release_fixture import READY, ReleaseFixture
from tests.fakes.release_objects import FakeReleaseObjects


def manifest(kind: str, name: str, **content: Any) -> dict[str, Any]:
    version = "apps/v1" if kind == "Deployment" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **content}


SECRET_VALUE = "hush-hush-hush"
DEPLOYMENT = manifest("Deployment", "cr-core", spec={"replicas": 1, "paused": False})
SECRET = manifest("Secret", "cr-token", stringData={"token": SECRET_VALUE})
VOLUME = manifest("PersistentVolumeClaim", "cr-data", spec={})
OBJECTS = (DEPLOYMENT, SECRET, VOLUME)
PAUSED = {"spec": {"replicas": 1, "paused": True}}


class DriftFixture(ReleaseFixture):
    """A deployed release of three objects."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = FakeReleaseObjects()
        self.checked = DriftCheckedReleaseStep(self.step, self.kube, self.objects, lambda: self.now)

    async def deploy(self, drift: str = "Warn") -> None:
        self.registry = registry(release={"version": "1.19.1", "drift": drift})
        documents = "".join(f"---\n{json.dumps(each)}\n" for each in OBJECTS)
        self.helm.write_revision(await self.desired(), "deployed", manifest=documents)
        self.workloads(*READY)

    async def check(self, *, after: float = 0) -> Outcome:
        self.now += timedelta(seconds=after)
        return await self.checked.reconcile(self.registry)

    async def repair(self, *, after: float = 0) -> Done:
        """Returns the outcome of a check of a release whose workloads are ready."""
        outcome = await self.check(after=after)
        assert isinstance(outcome, Done)
        return outcome


@pytest.fixture
async def release() -> DriftFixture:
    fixture = DriftFixture()
    await fixture.deploy()
    return fixture


async def test_a_release_as_installed_has_no_warning(release: DriftFixture) -> None:
    outcome = await release.check()
    assert isinstance(outcome, Done)
    assert outcome.warnings == ()
    assert release.objects.comparisons == 1


async def test_drift_is_a_warning_without_values_and_stays_until_the_next_comparison(release: DriftFixture) -> None:
    release.objects.changed = {"cr-core": PAUSED, "cr-token": None}
    outcome = await release.check()
    assert isinstance(outcome, Done)
    (warning,) = outcome.warnings
    assert warning.code is Reason.RELEASE_DRIFTED
    assert "Deployment 'cr-core' (`spec.paused`)" in warning.message
    assert "Secret 'cr-token' (deleted)" in warning.message
    assert SECRET_VALUE not in repr(outcome)
    assert release.objects.applied == []
    release.objects.changed = {}
    assert (await release.check(after=INTERVAL_SECONDS - 1)).warnings == outcome.warnings
    assert release.objects.comparisons == 1
    assert (await release.check(after=1)).warnings == ()


async def test_workloads_that_are_not_ready_are_compared_more_often(release: DriftFixture) -> None:
    release.workloads(replace(READY[0], ready=0))
    release.objects.changed = {"cr-core": PAUSED}
    outcome = await release.check()
    assert isinstance(outcome, Pending)
    assert [warning.code for warning in outcome.warnings] == [Reason.RELEASE_DRIFTED]
    await release.check(after=UNREADY_INTERVAL_SECONDS - 1)
    assert release.objects.comparisons == 1
    await release.check(after=1)
    assert release.objects.comparisons == 2


async def test_a_request_and_a_new_revision_compare_at_once(release: DriftFixture) -> None:
    await release.check()
    body = {"harbor-operator.io/reconcile-requested-at": "2026-11-01T12:00:00Z"}
    metadata = release.registry.metadata.model_copy(update={"annotations": body})
    release.registry = release.registry.model_copy(update={"metadata": metadata})
    await release.check()
    assert release.objects.comparisons == 2
    await release.deploy()
    await release.check()
    assert release.objects.comparisons == 3


async def test_repair_applies_what_differs_and_no_volume(release: DriftFixture) -> None:
    await release.deploy("Repair")
    release.objects.changed = {"cr-core": PAUSED, "cr-data": None}
    outcome = await release.check()
    assert isinstance(outcome, Done)
    assert outcome.changes == ("applied again: Deployment 'cr-core' (`spec.paused`)",)
    assert [each.name for each in release.objects.applied] == ["cr-core"]
    (warning,) = outcome.warnings
    assert "PersistentVolumeClaim 'cr-data'" in warning.message
    again = await release.check()
    assert isinstance(again, Done)
    assert again.changes == ()


async def test_an_object_that_another_client_changes_each_time_is_left_after_some_repairs(
    release: DriftFixture,
) -> None:
    await release.deploy("Repair")
    for _ in range(MAX_REPAIRS):
        release.objects.changed = {"cr-core": PAUSED}
        assert (await release.repair(after=INTERVAL_SECONDS)).changes
    for _ in range(2):
        release.objects.changed = {"cr-core": PAUSED, "cr-token": None}
        outcome = await release.repair(after=INTERVAL_SECONDS)
        assert "again after each repair: Deployment 'cr-core' (`spec.paused`)" in outcome.warnings[0].message
        assert outcome.changes == ("applied again: Secret 'cr-token' (deleted)",)
    assert [each.name for each in release.objects.applied].count("cr-core") == MAX_REPAIRS
    request = {"harbor-operator.io/reconcile-requested-at": "2026-11-01T12:00:00Z"}
    metadata = release.registry.metadata.model_copy(update={"annotations": request})
    release.registry = release.registry.model_copy(update={"metadata": metadata})
    assert (await release.repair()).changes == ("applied again: Deployment 'cr-core' (`spec.paused`)",)


async def test_repairs_are_counted_in_a_row(release: DriftFixture) -> None:
    await release.deploy("Repair")
    for _ in range(MAX_REPAIRS + 1):
        release.objects.changed = {"cr-core": PAUSED}
        assert (await release.repair(after=INTERVAL_SECONDS)).changes
        assert not (await release.repair(after=INTERVAL_SECONDS)).changes


async def test_an_object_that_is_refused_is_reported(release: DriftFixture) -> None:
    await release.deploy("Repair")
    release.objects.errors = {"cr-core": "the field is immutable", "cr-token": "no right"}
    release.objects.changed = {"cr-core": None}
    outcome = await release.check()
    assert isinstance(outcome, Done)
    assert outcome.changes == ()
    assert [warning.code for warning in outcome.warnings] == [Reason.DRIFT_UNKNOWN] * 2
    assert "could not be compared: Secret 'cr-token': no right" in outcome.warnings[0].message
    assert "could not be applied again: Deployment 'cr-core': the field is immutable" in outcome.warnings[1].message


@pytest.mark.parametrize(
    "error", [Unavailable("the API server does not answer"), Refused(Reason.RIGHTS_MISSING, "no token")]
)
async def test_a_failed_comparison_leaves_the_release_ready(release: DriftFixture, error: Exception) -> None:
    release.objects.error = error
    outcome = await release.check()
    assert isinstance(outcome, Done)
    (warning,) = outcome.warnings
    assert warning.code is Reason.DRIFT_UNKNOWN
    assert str(error) in warning.message


async def test_a_damaged_manifest_is_reported_without_its_text(release: DriftFixture) -> None:
    aliases = f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nx: {'[' * 40}{SECRET_VALUE}{']' * 40}\n"
    release.helm.write_revision(await release.desired(), "deployed", manifest=aliases)
    outcome = await release.check()
    assert [warning.code for warning in outcome.warnings] == [Reason.DRIFT_UNKNOWN]
    assert SECRET_VALUE not in repr(outcome)


async def test_nothing_is_compared_before_the_release_is_deployed() -> None:
    fresh = DriftFixture()
    assert isinstance(await fresh.check(), Pending)
    fresh.helm.missing_charts = {"harbor"}
    fresh.finish("it failed")
    assert not isinstance(await fresh.check(), Done | Blocked)
    assert fresh.objects.comparisons == 0


async def test_teardown_is_that_of_the_release(release: DriftFixture) -> None:
    await release.check()
    outcome = await release.checked.teardown(release.registry)
    assert outcome.reason is Reason.RELEASE_UNINSTALLING
    assert release.helm.started == [f"uninstall {NAMESPACE}/cr"]
