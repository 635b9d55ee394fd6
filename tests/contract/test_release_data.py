"""A real release that a change of the spec would separate from its data, and that continues when it is taken back."""

from __future__ import annotations

import json

import pytest

from harbor_operator.plan import names
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from tests.contract.helm_fixture import ReleaseOnClusterFixture
from tests.contract.test_helm import chart, cluster, kube, real_helm  # noqa: F401 - fixtures
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab


async def test_a_release_is_not_separated_from_its_key_or_its_database(
    plane: ControlPlane,
    cluster: ReleaseOnClusterFixture,  # noqa: F811
    chart: str,  # noqa: F811
) -> None:
    """Findings D1 and D2: what the spec or a lost Secret would separate is refused, until it is as it was."""
    await cluster.reconcile(chart)
    assert await cluster.statuses() == ["deployed"]
    moved = {"host": "other.example.com", "adminSecretRef": {"name": "pg-admin"}}
    release = {"version": "1.19.1", "chart": chart}
    outcome = await cluster.step.reconcile(registry(release=release, database=moved))
    assert outcome.reason is Reason.DATABASE_CHANGED, outcome
    outcome = await cluster.step.reconcile(registry(release={**release, "name": "other"}))
    assert outcome.reason is Reason.RELEASE_NAME_CHANGED, outcome
    outcome = await cluster.step.reconcile(registry(release=release, storage={"filesystem": {"size": "1Gi"}}))
    assert outcome.reason is Reason.STORAGE_TYPE_CHANGED, outcome
    assert "set `spec.storage` back to 'swift'" in outcome.message
    outcome = await cluster.step.reconcile(registry(release={**release, "version": "1.18.4"}))
    assert outcome.reason is Reason.UPGRADE_REFUSED, outcome
    assert "set `spec.release.version` to '1.19.1' or newer" in outcome.message
    generated = names.generated_secrets(registry())
    saved = json.loads(plane.kubectl("get", "secret", generated, "-n", NAMESPACE, "-o", "json"))
    plane.kubectl("delete", "secret", generated, "-n", NAMESPACE)
    outcome = await cluster.reconcile(chart)
    assert outcome.reason is Reason.GENERATED_SECRETS_MISSING, outcome
    assert "Restore the Secret with its labels" in outcome.message
    metadata = {key: saved["metadata"][key] for key in ("name", "namespace", "labels")}
    plane.apply({**saved, "metadata": metadata})
    outcome = await cluster.reconcile(chart)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY, outcome
    assert await cluster.statuses() == ["deployed"]
