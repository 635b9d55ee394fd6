"""The same runs by the fake and by a real Helm on a real API server, and the official chart where there is one."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Done
from harbor_operator.model.release import DesiredRelease, RunResult
from harbor_operator.plan import names
from harbor_operator.plan.helm_storage import read_payload, read_revisions, release_selector
from harbor_operator.plan.release import unwrap_secrets
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.chart import source_directories
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.registries import Registry
from tests.contract.helm_fixture import (
    FakeHelmFixture,
    HelmFixture,
    RealHelmFixture,
    ReleaseOnClusterFixture,
    ended,
    now,
    reset_secrets,
    wanted,
    write_chart,
)
from tests.fakes.release import NAMESPACE, registry

HARBOR_CHART = os.environ.get("HARBOR_CHART")
SECRET = "hush-hush-hush"


@pytest.fixture
def kube(http: KubernetesClient, plane: ControlPlane) -> KubernetesNamespaceResources:
    Registry(plane, NAMESPACE, "cr").prepare()
    return KubernetesNamespaceResources(http)


@pytest.fixture
async def real_helm(
    http: KubernetesClient, kube: KubernetesNamespaceResources, plane: ControlPlane, tmp_path: Path
) -> AsyncIterator[SubprocessHelm]:
    """Acts as the service account of the release, with exactly the rights that are shipped."""
    sources = ChartSources((), tuple(map(str, (tmp_path, *source_directories()))))
    settings = HelmSettings(str(program("helm")), tmp_path / "helm", from_kubeconfig(plane.kubeconfig), sources)
    helm = SubprocessHelm(settings, KubernetesReleaseIdentity(http), now)
    yield helm
    await helm.aclose()


@pytest.fixture
def chart(tmp_path: Path) -> str:
    return write_chart(tmp_path / "charts" / "tiny")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
def fixture(request: pytest.FixtureRequest, chart: str) -> Iterator[HelmFixture]:
    if request.param == "fake":
        yield FakeHelmFixture(chart)
        return
    real = RealHelmFixture(chart, request.getfixturevalue("kube"), request.getfixturevalue("real_helm"))
    yield real
    request.getfixturevalue("plane").helm("uninstall", "cr", "-n", NAMESPACE, "--ignore-not-found")


def desired(chart: str, **values: Any) -> DesiredRelease:
    tree = {"size": 1, "boom": False, "list": ["a", {"b": 1}], "secret": SecretStr(SECRET), **values}
    labels = {**names.owner_labels(registry()), names.VALUES_DIGEST: f"digest-{tree['size']}"}
    return DesiredRelease(
        namespace=NAMESPACE,
        name="cr",
        service_account="harbor-release",
        chart=chart,
        repository="https://charts.example.com",
        version="1.19.1",
        values=tree,
        labels=labels,
        digest=labels[names.VALUES_DIGEST],
        timeout_seconds=60,
        secrets=(SecretStr(SECRET),),
    )


async def revisions(fixture: HelmFixture) -> list[tuple[int, str, str]]:
    found = await fixture.kube.read_secrets(NAMESPACE, release_selector("cr"))
    return [(r.number, r.status, r.digest) for r in read_revisions((s.name, s.labels) for s in found)]


async def run(fixture: HelmFixture, asked: DesiredRelease) -> RunResult:
    await fixture.helm.start_upgrade(asked)
    await fixture.settle(asked)
    result = fixture.helm.result(NAMESPACE, "cr")
    assert result
    return result


async def test_install_leaves_a_record_that_says_what_was_desired(fixture: HelmFixture) -> None:
    asked = desired(fixture.chart)
    result = await run(fixture, asked)
    assert result.succeeded, result.message
    assert await revisions(fixture) == [(1, "deployed", "digest-1")]
    newest = (await fixture.kube.read_secrets(NAMESPACE, release_selector("cr")))[0]
    stored = read_payload(newest.values["release"])
    assert stored.chart_version == "1.19.1"
    assert stored.harbor_version == "2.15.1"
    assert stored.config == unwrap_secrets(asked.values)
    assert stored.changed_at
    assert abs((now() - stored.changed_at).total_seconds()) < 60


async def test_ambiguous_strings_are_stored_as_sent(fixture: HelmFixture) -> None:
    words = ["n", "y", "no", "7e12", "08", "1_000", "12:30:45", "~", "2026-01-02", "", "a\u0085b", "\U0001f600"]
    asked = desired(fixture.chart, list=words, number=3, ratio=0.5)
    assert (await run(fixture, asked)).succeeded
    newest = (await fixture.kube.read_secrets(NAMESPACE, release_selector("cr")))[0]
    assert read_payload(newest.values["release"]).config == unwrap_secrets(asked.values)


async def test_upgrade_supersedes_and_relabels(fixture: HelmFixture) -> None:
    await run(fixture, desired(fixture.chart))
    await run(fixture, desired(fixture.chart, size=2))
    assert await revisions(fixture) == [(1, "superseded", "digest-1"), (2, "deployed", "digest-2")]


async def test_a_run_is_seen_and_a_second_start_changes_nothing(fixture: HelmFixture) -> None:
    asked = desired(fixture.chart)
    await fixture.helm.start_upgrade(asked)
    await fixture.helm.start_upgrade(desired(fixture.chart, size=2))
    progress = fixture.helm.running(NAMESPACE, "cr")
    assert progress
    assert progress.digest == "digest-1"
    assert fixture.helm.running(NAMESPACE, "other") is None
    await fixture.settle(asked)
    assert fixture.helm.running(NAMESPACE, "cr") is None
    assert await revisions(fixture) == [(1, "deployed", "digest-1")]


async def test_failures_are_counted_and_reported_without_secrets(fixture: HelmFixture) -> None:
    asked = desired(fixture.chart, boom=True)
    first, second = await run(fixture, asked), await run(fixture, asked)
    assert (first.succeeded, first.failures, second.failures) == (False, 1, 2)
    assert "no luck with ***" in second.message
    assert SECRET not in second.message
    corrected = await run(fixture, desired(fixture.chart))
    assert (corrected.succeeded, corrected.failures) == (True, 0)


async def test_a_chart_that_is_not_there_is_refused_by_name(fixture: HelmFixture) -> None:
    with pytest.raises(Refused, match="-absent'") as caught:
        await fixture.helm.start_upgrade(desired(f"{fixture.chart}-absent"))
    assert caught.value.reason is Reason.CHART_UNAVAILABLE


async def test_uninstall_removes_the_release_and_is_idempotent(fixture: HelmFixture) -> None:
    await run(fixture, desired(fixture.chart))
    for _ in range(2):
        await fixture.helm.start_uninstall(NAMESPACE, "cr", "harbor-release", 60)
        await fixture.settle()
        result = fixture.helm.result(NAMESPACE, "cr")
        assert result
        assert result.succeeded, result.message
        assert result.digest == ""
    assert await revisions(fixture) == []


@pytest.mark.lab
async def test_another_version_than_asked_for_is_refused(chart: str, real_helm: SubprocessHelm) -> None:
    with pytest.raises(Refused, match=r"'1\.19\.1'.*'1\.18\.0'") as caught:
        await real_helm.start_upgrade(replace(desired(chart), version="1.18.0"))
    assert caught.value.reason is Reason.CHART_UNAVAILABLE


@pytest.fixture
def cluster(
    plane: ControlPlane, kube: KubernetesNamespaceResources, real_helm: SubprocessHelm
) -> Iterator[ReleaseOnClusterFixture]:
    reset_secrets(plane)
    yield ReleaseOnClusterFixture(kube, real_helm)
    plane.helm("uninstall", "cr", "-n", NAMESPACE, "--ignore-not-found", "--no-hooks")
    plane.kubectl("delete", "jobs", "--all", "-n", NAMESPACE)


@pytest.mark.lab
@pytest.mark.parametrize("before", [[], ["deployed"]], ids=["install", "upgrade"])
async def test_a_lock_left_by_a_killed_helm_is_cleared_and_the_run_repeated(
    cluster: ReleaseOnClusterFixture, chart: str, before: list[str]
) -> None:
    if before:
        await cluster.reconcile(chart)
    await cluster.step.reconcile(wanted(chart, {"logLevel": "debug"}))
    os.killpg(await cluster.at_work(), signal.SIGKILL)
    await ended(cluster.helm, "cr")

    outcome = await cluster.reconcile(chart)
    assert outcome.reason is Reason.RELEASE_LOCKED, outcome
    assert await cluster.statuses() in ([*before, "pending-upgrade"], [*before, "pending-install"])
    cluster.late = timedelta(seconds=700)
    outcome = await cluster.reconcile(chart)
    assert outcome.reason is Reason.RELEASE_LOCKED, outcome
    assert await cluster.statuses() == [*before, "failed"]

    outcome = await cluster.reconcile(chart)
    assert outcome.reason is (Reason.RELEASE_UPGRADING if before else Reason.RELEASE_INSTALLING), outcome
    assert (await cluster.statuses())[-1] == "deployed"


@pytest.mark.lab
async def test_helm_writes_down_that_it_was_stopped(cluster: ReleaseOnClusterFixture, chart: str) -> None:
    await cluster.step.reconcile(wanted(chart, {"logLevel": "debug"}))
    await cluster.at_work()
    await cluster.helm.aclose()
    assert await cluster.statuses() == ["failed"]


@pytest.mark.lab
@pytest.mark.skipif(not HARBOR_CHART, reason="the official chart is not here (HARBOR_CHART)")
async def test_official_chart_is_installed_once_and_shows_no_secret(
    plane: ControlPlane, cluster: ReleaseOnClusterFixture
) -> None:
    outcomes = [await cluster.reconcile(HARBOR_CHART) for _ in range(2)]
    written = secret_versions(plane)
    outcomes.append(await cluster.reconcile(HARBOR_CHART))
    assert secret_versions(plane) == written, "a pass over an unchanged fixture wrote a Secret"
    reasons = [Reason.RELEASE_INSTALLING, Reason.WORKLOADS_NOT_READY, Reason.WORKLOADS_NOT_READY]
    assert [outcome.reason for outcome in outcomes] == reasons, outcomes
    assert outcomes[-1].facts.release_revision == 1
    assert "cr-harbor-core" in outcomes[-1].message
    assert plane.kubectl("get", "pvc", "-n", NAMESPACE, "-o", "name") == ""
    assert "redisPassw0rd" not in plane.kubectl("get", "configmaps,deployments", "-n", NAMESPACE, "-o", "yaml")

    before = replica_sets(plane)
    for _ in range(2):
        await cluster.reconcile(HARBOR_CHART, {"portal": {"replicas": 2}})
    assert await cluster.statuses() == ["superseded", "deployed"]
    assert replica_sets(plane) == before, "an upgrade that concerns one component restarted another"
    assert isinstance(await cluster.torn_down(), Done)
    assert await cluster.statuses() == []


@pytest.mark.lab
@pytest.mark.parametrize(("before", "after"), [("Delete", "Retain"), ("Retain", "Delete")])
async def test_the_volume_follows_the_policy_at_its_deletion(
    plane: ControlPlane, cluster: ReleaseOnClusterFixture, chart: str, before: str, after: str
) -> None:
    """Finding D3."""
    release = {"version": "1.19.1", "chart": chart}
    spec: dict[str, Any] = {"storage": {"filesystem": {"size": "1Gi"}}, "release": release}
    await cluster.step.reconcile(registry(**spec, deletionPolicy={"storage": before}))
    await ended(cluster.helm, "cr")
    assert await cluster.statuses() == ["deployed"]
    assert isinstance(await cluster.torn_down(registry(**spec, deletionPolicy={"storage": after})), Done)
    wanted_fields = "jsonpath={.items[*].metadata['name','deletionTimestamp']}"
    shown = plane.kubectl("get", "pvc", "-n", NAMESPACE, "-o", wanted_fields)
    plane.kubectl("delete", "pvc", "--all", "-n", NAMESPACE, "--wait=false")
    assert (shown == "cr-registry") is (after == "Retain"), shown


def replica_sets(plane: ControlPlane) -> set[str]:
    return set(plane.kubectl("get", "replicasets", "-n", NAMESPACE, "-o", "name").split())


def secret_versions(plane: ControlPlane) -> str:
    shown = "custom-columns=N:.metadata.name,V:.metadata.resourceVersion"
    return plane.kubectl("get", "secrets", "-n", NAMESPACE, "-o", shown)
