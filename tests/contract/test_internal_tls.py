"""Internal TLS: what the official charts make of the Secrets, and the Secrets on a real API server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.api.charts import ChartSupport, Feature, find_chart
from harbor_operator.model.certificates import LIFETIME
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Outcome, Pending
from harbor_operator.model.release import UserValues
from harbor_operator.plan import names
from harbor_operator.plan.internal_tls import certificate_secrets
from harbor_operator.plan.values.internal_tls import plan_certificates
from harbor_operator.reasons import Reason
from lab.chart import ALL_VARIABLE, official_charts
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.registries import Registry
from tests.contract.helm_fixture import ReleaseOnClusterFixture, ended, now, reset_secrets, write_chart
from tests.contract.test_all_charts import UNPINNED
from tests.contract.test_helm_template import objects, render
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab

EVERYTHING: dict[str, Any] = {
    "metrics": {"enabled": True},
    **{name: {"enabled": True} for name in ("trivy", "chartmuseum", "clair")},
}
OFFICIAL = {
    version: (folder, chart)
    for version, folder in official_charts().items()
    if (chart := find_chart(version)) and chart.supports(Feature.INTERNAL_TLS)
}

Rendered = dict[str, dict[str, Any]]


@pytest.fixture(params=OFFICIAL or [pytest.param("", marks=pytest.mark.skip(f"no official charts ({ALL_VARIABLE})"))])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def user_values(chart: ChartSupport) -> dict[str, Any]:
    """Everything that the chart can run; a key that it does not know is refused."""
    optional = {"trivy": Feature.TRIVY, "chartmuseum": Feature.CHARTMUSEUM, "clair": Feature.CLAIR}
    optional["metrics"] = Feature.EXPORTER
    return {key: value for key, value in EVERYTHING.items() if chart.supports(optional[key])}


def rendered(version: str, tmp_path: Path, changed: str = "", release: str = "cr") -> Rendered:
    """The objects of the chart by kind and name, with another certificate for one process."""
    folder, chart = OFFICIAL[version]
    user = user_values(chart)
    spec: dict[str, Any] = {"internalTLS": {}, "release": {"version": version, "name": release}}
    planned = plan_certificates(registry(**spec), chart, [UserValues("values", user)])
    certificates = {name: f"PEM {name == changed}" for name in planned}
    text = render(str(folder), tmp_path, user, certificates=certificates, **spec)
    # A template of 1.18 and later has a tab at the end of a line, which Helm reads and PyYAML does not.
    return {f"{found['kind']} {found['metadata']['name']}": found for found in objects(text.replace("\t\n", "\n"))}


def readers(found: Rendered, secret: str) -> set[str]:
    """The workloads whose pods mount the Secret."""
    workloads = {name: each for name, each in found.items() if each["kind"] in {"Deployment", "StatefulSet"}}
    return {
        name
        for name, each in workloads.items()
        for volume in each["spec"]["template"]["spec"].get("volumes") or ()
        if volume.get("secret", {}).get("secretName") == secret
    }


@pytest.mark.parametrize("release", ["cr", "my-harbor"])
def test_each_service_has_the_names_in_its_certificate(version: str, release: str, tmp_path: Path) -> None:
    """Harbor's processes find one another by the names of the Services."""
    _, chart = OFFICIAL[version]
    wanted = registry(release={"version": version, "name": release})
    planned = plan_certificates(wanted, chart, [UserValues("values", user_values(chart))])
    found = rendered(version, tmp_path, release=release)
    services = {name.removeprefix("Service ") for name in found if name.startswith("Service ")}
    assert {served[0] for served in planned.values()} <= services


def test_exactly_the_workloads_that_mount_a_secret_restart_when_it_changes(version: str, tmp_path: Path) -> None:
    _, chart = OFFICIAL[version]
    if chart.minor == UNPINNED:
        pytest.skip("this chart restarts the registry at every upgrade")
    before = rendered(version, tmp_path)
    mounted = set()
    for component in plan_certificates(registry(version), chart, [UserValues("values", user_values(chart))]):
        after = rendered(version, tmp_path, component)
        changed = {name for name in before if after[name] != before[name]}
        assert changed == readers(before, names.internal_tls_secret(registry(), component)), component
        assert changed
        mounted |= changed
    secure = {name for name, each in before.items() if "internal-certs" in json.dumps(each)}
    assert mounted == secure


def test_no_certificate_of_the_chart_is_rendered(version: str, tmp_path: Path) -> None:
    assert [name for name in rendered(version, tmp_path) if name.endswith("-internal-tls")] == []


class TlsRelease:
    """A release with internal TLS on a real API server, under the shipped rights."""

    def __init__(self, plane: ControlPlane, site: ReleaseOnClusterFixture, chart: str) -> None:
        self.plane = plane
        self.site = site
        self.registry = registry(internalTLS={}, release={"version": "1.19.1", "chart": chart})

    async def reconcile(self) -> Outcome:
        outcome = await self.site.step.reconcile(self.registry)
        await ended(self.site.helm, "cr")
        return outcome

    def secrets(self) -> dict[str, dict[str, Any]]:
        """The Secrets of internal TLS that exist."""
        listed = json.loads(self.plane.kubectl("-n", NAMESPACE, "get", "secrets", "-o", "json"))["items"]
        wanted = certificate_secrets(self.registry)
        return {item["metadata"]["name"]: item for item in listed if item["metadata"]["name"] in wanted}

    def versions(self) -> dict[str, str]:
        return {name: secret["metadata"]["resourceVersion"] for name, secret in self.secrets().items()}


@pytest.fixture
async def release(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[TlsRelease]:
    Registry(plane, NAMESPACE, "cr").prepare()
    reset_secrets(plane)
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    chart = write_chart(tmp_path / "harbor")
    async with KubernetesClient(connection) as http:
        settings = HelmSettings(str(program("helm")), tmp_path / "helm", connection, ChartSources((), (str(tmp_path),)))
        helm = SubprocessHelm(settings, KubernetesReleaseIdentity(http), now)
        site = ReleaseOnClusterFixture(KubernetesNamespaceResources(http), helm)
        made = TlsRelease(plane, site, chart)
        yield made
        await site.torn_down(made.registry)
        await helm.aclose()


async def test_certificates_are_issued_once_renewed_in_time_and_removed_with_the_release(release: TlsRelease) -> None:
    await release.reconcile()
    first = release.secrets()
    assert len(first) == 5
    types = {name: secret["type"] for name, secret in first.items()}
    assert types.pop(names.internal_tls_authority(release.registry)) == "Opaque"
    assert set(types.values()) == {"kubernetes.io/tls"}
    assert await release.site.statuses() == ["deployed"]

    before = release.versions()
    assert (await release.reconcile()).reason is Reason.WORKLOADS_NOT_READY
    assert release.versions() == before
    assert await release.site.statuses() == ["deployed"]

    release.site.late += LIFETIME * 2 / 3 + timedelta(days=1)
    outcome = await release.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_UPGRADING
    after = release.versions()
    authority = names.internal_tls_authority(release.registry)
    assert {name for name in after if after[name] == before[name]} == {authority}
    assert await release.site.statuses() == ["superseded", "deployed"]

    await release.site.torn_down(release.registry)
    assert release.secrets() == {}
