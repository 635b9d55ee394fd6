"""The step that compares a release, with the operator's own rights on a real Helm and a real API server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import ClientOptions, KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.release_objects import KubernetesReleaseObjects
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Outcome, Pending
from harbor_operator.reasons import Reason
from harbor_operator.steps.release_drift import UNREADY_INTERVAL_SECONDS, DriftCheckedReleaseStep
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.registries import Registry
from tests.contract.drift_fixture import IMAGE, write_drift_chart
from tests.contract.helm_fixture import ReleaseOnClusterFixture, ended, now, reset_secrets
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab

HARBOR_CHART = os.environ.get("HARBOR_CHART", "")
if not Path(HARBOR_CHART, "Chart.yaml").is_file():
    HARBOR_CHART = ""  # an archive, which Helm reads and this test does not


@dataclass
class SteppedRelease:
    """The step with the operator's own rights; `requests` counts everything that it sends."""

    plane: ControlPlane
    site: ReleaseOnClusterFixture
    step: DriftCheckedReleaseStep
    chart: str
    requests: list[str]

    def __post_init__(self) -> None:
        self.version = str(yaml.safe_load((Path(self.chart) / "Chart.yaml").read_text())["version"])

    async def reconcile(self, drift: str = "Warn", *, later: bool = False) -> Outcome:
        if later:
            self.site.late += timedelta(seconds=UNREADY_INTERVAL_SECONDS + 1)
        return await self.step.reconcile(self.registry(drift))

    def registry(self, drift: str) -> HarborRegistry:
        return registry(release={"version": self.version, "chart": self.chart, "drift": drift})


@asynccontextmanager
async def deployed(plane: ControlPlane, chart: str, tmp_path: Path) -> AsyncIterator[SteppedRelease]:
    Registry(plane, NAMESPACE, "cr").prepare()
    reset_secrets(plane)
    requests: list[str] = []
    options = ClientOptions(count=lambda verb, resource, code: requests.append(f"{verb} {resource}"))
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    async with KubernetesClient(connection, options) as http:
        identity, kube = KubernetesReleaseIdentity(http), KubernetesNamespaceResources(http)
        sources = ChartSources((), (str(Path(chart).parent),))
        helm = SubprocessHelm(HelmSettings(str(program("helm")), tmp_path / "helm", connection, sources), identity, now)
        site = ReleaseOnClusterFixture(kube, helm)
        objects = KubernetesReleaseObjects(http, identity)
        step = DriftCheckedReleaseStep(site.step, kube, objects, lambda: now() + site.late)
        release = SteppedRelease(plane, site, step, chart, requests)
        await release.reconcile()
        await ended(helm, "cr")
        yield release
        await helm.aclose()
    plane.helm("uninstall", "cr", "-n", NAMESPACE)


@pytest.fixture
async def stepped(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[SteppedRelease]:
    async with deployed(plane, write_drift_chart(tmp_path / "harbor"), tmp_path) as release:
        yield release


@pytest.mark.skipif(not HARBOR_CHART, reason="no directory of the official chart (HARBOR_CHART)")
async def test_the_official_chart_as_installed_has_no_drift(plane: ControlPlane, tmp_path: Path) -> None:
    async with deployed(plane, HARBOR_CHART, tmp_path) as release:
        outcome = await release.reconcile()
        assert outcome.reason is Reason.WORKLOADS_NOT_READY, outcome
        assert outcome.warnings == ()
        dry_runs = [request for request in release.requests if request.startswith("patch ")]
        assert len(dry_runs) >= 15
        plane.kubectl("-n", NAMESPACE, "set", "image", "deployment/cr-harbor-core", "core=other:1")
        outcome = await release.reconcile(later=True)
        assert "Deployment 'cr-harbor-core' (`spec.template.spec.containers[core].image`)" in str(outcome.warnings)


async def test_the_step_warns_and_on_request_repairs(stepped: SteppedRelease) -> None:
    outcome = await stepped.reconcile()
    assert isinstance(outcome, Pending), outcome
    assert outcome.reason is Reason.WORKLOADS_NOT_READY
    assert outcome.warnings == ()
    kubectl = ("-n", NAMESPACE)
    stepped.plane.kubectl(*kubectl, "set", "image", "deployment/cr-core", "core=core:2")
    stepped.plane.kubectl(*kubectl, "delete", "service", "cr-core")
    stepped.requests.clear()
    outcome = await stepped.reconcile()
    assert outcome.warnings == (), "the next comparison is not due"
    assert not [request for request in stepped.requests if request.startswith(("patch", "create"))]

    outcome = await stepped.reconcile(later=True)
    (warning,) = outcome.warnings
    assert warning.code is Reason.RELEASE_DRIFTED
    assert f"Deployment 'cr-core' (`{IMAGE}`)" in warning.message
    assert "Service 'cr-core' (deleted)" in warning.message
    assert (await stepped.reconcile()).warnings == outcome.warnings
    image = stepped.plane.kubectl(*kubectl, "get", "deployment", "cr-core", "-o", "jsonpath={..image}")
    assert image == "core:2"

    outcome = await stepped.reconcile("Repair")
    assert isinstance(outcome, Pending)
    assert outcome.warnings == ()
    assert len(outcome.changes) == 2
    assert stepped.plane.kubectl(*kubectl, "get", "deployment", "cr-core", "-o", "jsonpath={..image}") == "core:1"
    stepped.plane.kubectl(*kubectl, "get", "service", "cr-core")
    again = await stepped.reconcile("Repair", later=True)
    assert isinstance(again, Pending)
    assert (again.warnings, again.changes) == ((), ())


async def test_a_deleted_volume_claim_is_reported_and_not_created_again(stepped: SteppedRelease) -> None:
    kubectl = ("-n", NAMESPACE)
    stepped.plane.kubectl(*kubectl, "delete", "pvc", "cr-core")
    outcome = await stepped.reconcile("Repair", later=True)
    (warning,) = outcome.warnings
    assert "PersistentVolumeClaim 'cr-core'" in warning.message
    assert stepped.plane.kubectl(*kubectl, "get", "pvc", "-o", "name") == ""
