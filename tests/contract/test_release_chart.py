"""A release from a private repository over TLS with a digest: the real Helm, a real API server, the shipped rights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Blocked, Outcome, Pending
from harbor_operator.reasons import Reason
from lab.certs import Authority
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.registries import Registry
from tests.contract.chart_fixture import PASSWORD, USER, ChartRepository, archive, index, serving
from tests.contract.helm_fixture import CONFIG_MAP, ReleaseOnClusterFixture, ended, now, reset_secrets
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab

CHART = archive({"templates/seen.yaml": CONFIG_MAP, "values.yaml": "{size: 0, boom: false}"})
DIGEST_IN_SPEC = f"sha256:{'0' * 64}"


class PrivateChartFixture:
    """The release step, and the private repository that it gets the chart from."""

    def __init__(self, plane: ControlPlane, site: ReleaseOnClusterFixture, repository: ChartRepository) -> None:
        self.plane = plane
        self.site = site
        self.repository = repository

    def registry(self, digest: str) -> HarborRegistry:
        release: dict[str, Any] = {
            "version": "1.19.1",
            "repository": self.repository.url(),
            "digest": digest,
            "repositorySecretRef": {"name": "charts"},
            "repositoryCASecretRef": {"name": "charts-ca"},
        }
        return registry(release=release)

    async def reconcile(self, digest: str = "") -> Outcome:
        """One pass, and the end of what it started."""
        outcome = await self.site.step.reconcile(self.registry(digest))
        await ended(self.site.helm, "cr")
        return outcome

    def put_login(self, password: str) -> None:
        self.put("charts", {"username": USER, "password": password})

    def put(self, name: str, data: dict[str, str]) -> None:
        metadata = {"name": name, "namespace": NAMESPACE}
        self.plane.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})


@pytest.fixture
async def fixture(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[PrivateChartFixture]:
    Registry(plane, NAMESPACE, "cr").prepare()
    reset_secrets(plane)
    authority = Authority.create(tmp_path / "certs")
    contents = {"/index.yaml": index("charts/harbor.tgz"), "/charts/harbor.tgz": CHART}
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    async with serving(ChartRepository(contents), authority) as repository, KubernetesClient(connection) as http:
        sources = ChartSources((repository.url(),))
        settings = HelmSettings(str(program("helm")), tmp_path / "helm", connection, sources)
        helm = SubprocessHelm(settings, KubernetesReleaseIdentity(http), now)
        site = ReleaseOnClusterFixture(KubernetesNamespaceResources(http), helm)
        made = PrivateChartFixture(plane, site, repository)
        made.put_login(PASSWORD)
        made.put("charts-ca", {"ca.crt": authority.ca_pem})
        yield made
        await helm.aclose()
    plane.helm("uninstall", "cr", "-n", NAMESPACE, "--ignore-not-found")


async def test_only_the_archive_with_the_digest_is_installed(fixture: PrivateChartFixture) -> None:
    """Findings S8 and F8."""
    assert (await fixture.reconcile(DIGEST_IN_SPEC)).reason is Reason.RELEASE_INSTALLING
    outcome = await fixture.reconcile(DIGEST_IN_SPEC)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CHART_DIGEST_MISMATCH
    assert await fixture.site.statuses() == []
    actual = next(part for part in outcome.message.split("'") if part.startswith("sha256:") and part != DIGEST_IN_SPEC)

    await fixture.reconcile(actual)
    outcome = await fixture.reconcile(actual)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY, outcome
    assert outcome.facts.chart_digest == actual
    assert await fixture.site.statuses() == ["deployed"]

    fixture.repository.contents["/charts/harbor.tgz"] = archive()
    await fixture.reconcile(DIGEST_IN_SPEC)
    outcome = await fixture.reconcile(DIGEST_IN_SPEC)
    assert outcome.reason is Reason.CHART_DIGEST_MISMATCH, outcome
    assert outcome.facts.chart_digest == actual
    assert await fixture.site.statuses() == ["deployed"]


async def test_a_corrected_login_is_used_at_once(fixture: PrivateChartFixture) -> None:
    fixture.put_login("wrong-password")
    await fixture.reconcile()
    outcome = await fixture.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.CHART_UNAVAILABLE
    assert "401" in outcome.message
    assert "wrong-password" not in outcome.message
    fixture.put_login(PASSWORD)
    assert (await fixture.reconcile()).reason is Reason.RELEASE_INSTALLING
    assert await fixture.site.statuses() == ["deployed"]
