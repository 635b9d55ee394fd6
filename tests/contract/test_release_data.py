"""A real release that a change of the spec would separate from its data, and that continues when it is taken back."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from harbor_operator.api.request_annotations import BACKUP_COMPLETED_AT
from harbor_operator.plan import names
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from tests.contract.helm_fixture import ReleaseOnClusterFixture, ended, now, write_chart
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
    assert "with 'swift' and `spec.storage` now says 'filesystem'" in outcome.message
    assert "set `spec.storage` back; to move the images, copy them into a second registry" in outcome.message
    outcome = await cluster.step.reconcile(registry(release={**release, "version": "1.18.4"}))
    assert outcome.reason is Reason.UPGRADE_REFUSED, outcome
    assert "set `spec.release.version` to '1.19.1' or newer" in outcome.message
    other_key = {
        "metadata": {"name": "other-key", "namespace": NAMESPACE},
        "stringData": {"secretKey": "sixteen-letters0"},
    }
    plane.apply({"apiVersion": "v1", "kind": "Secret", **other_key})
    outcome = await cluster.step.reconcile(registry(release={**release, "secretKeyRef": {"name": "other-key"}}))
    assert outcome.reason is Reason.SECRET_INVALID, outcome
    assert "remove `spec.release.secretKeyRef`" in outcome.message
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


async def test_a_stored_key_that_was_changed_is_found_before_harbor_starts_with_it(
    plane: ControlPlane,
    cluster: ReleaseOnClusterFixture,  # noqa: F811
    chart: str,  # noqa: F811
) -> None:
    """The key has the right length, so that Harbor would start, and could not read what it has stored."""
    await cluster.reconcile(chart)
    outcome = await cluster.reconcile(chart)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY, outcome
    generated = names.generated_secrets(registry())
    before = json.loads(plane.kubectl("get", "secret", generated, "-n", NAMESPACE, "-o", "json"))["data"]["secretKey"]

    def put_key(key: str) -> None:
        patch = json.dumps({"data": {"secretKey": key}})
        plane.kubectl("patch", "secret", generated, "-n", NAMESPACE, "--type=merge", "-p", patch)

    put_key(base64.b64encode(b"sixteen-letters0").decode())
    outcome = await cluster.reconcile(chart)
    assert outcome.reason is Reason.SECRET_KEY_CHANGED, outcome
    assert "put the old key back" in outcome.message
    assert "sixteen-letters0" not in outcome.message
    assert await cluster.statuses() == ["deployed"]

    put_key(before)
    outcome = await cluster.reconcile(chart)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY, outcome
    assert await cluster.statuses() == ["deployed"]


async def test_an_upgrade_over_too_many_minors_goes_through_the_versions_of_the_message(
    cluster: ReleaseOnClusterFixture,  # noqa: F811
    tmp_path: Path,
) -> None:
    async def reason_of(version: str, backup: str = "", **release: str) -> tuple[Reason, str]:
        folder = tmp_path / "charts" / version
        path = str(folder) if folder.exists() else write_chart(folder, version)
        wanted = registry(release={"version": version, "chart": path, **release})
        metadata = wanted.metadata.model_copy(update={"annotations": {BACKUP_COMPLETED_AT: backup}})
        outcome = await cluster.step.reconcile(wanted.model_copy(update={"metadata": metadata}))
        await ended(cluster.helm, "cr")
        return outcome.reason, outcome.message

    await reason_of("1.13.5")
    assert await cluster.statuses() == ["deployed"]
    reason, message = await reason_of("1.19.1")
    assert reason is Reason.UPGRADE_REFUSED, message
    assert "set `spec.release.version` to '1.15.2' first, then to '1.17.4' and '1.19.1'" in message

    reason, message = await reason_of("1.15.2")
    assert reason is Reason.UPGRADE_NOT_ALLOWED, message
    assert "`spec.release.allowUpgradeTo` '1.15.2'" in message
    reason, message = await reason_of("1.15.2", allowUpgradeTo="1.15.2")
    assert reason is Reason.BACKUP_OUTDATED, message
    assert await cluster.statuses() == ["deployed"]
    reason, message = await reason_of("1.15.2", backup=now().isoformat(), allowUpgradeTo="1.15.2")
    assert reason is Reason.RELEASE_UPGRADING, message
    assert await cluster.statuses() == ["superseded", "deployed"]
