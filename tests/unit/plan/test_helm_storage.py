from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.model.release import DesiredRelease, Revision, StoredRelease
from harbor_operator.plan.helm_storage import (
    MAX_PAYLOAD_BYTES,
    chart_description,
    read_payload,
    read_revisions,
    unlock_patch,
    volume_policy_patch,
)
from harbor_operator.plan.release import plan_release, unwrap_secrets
from tests.fakes.helm import release_payload
from tests.fakes.release import registry, release_secrets

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def planned() -> DesiredRelease:
    wanted = registry("1.19.1")
    assert wanted.spec.release
    made = plan_release(wanted, wanted.spec.release, release_secrets())
    assert isinstance(made, DesiredRelease)
    return made


DESIRED = planned()


def stored(of: DesiredRelease, **changes: Any) -> StoredRelease:
    return read_payload(SecretStr(release_payload(of, "deployed", NOON, 1, **changes)))


def packed(text: bytes) -> SecretStr:
    return SecretStr(base64.b64encode(gzip.compress(text)).decode())


def test_revisions_are_read_from_labels_in_order_of_number() -> None:
    labels = {"status": "deployed", "harbor-operator.io/values": "d"}
    found = [("sh.helm.release.v1.cr.v10", labels), ("sh.helm.release.v1.cr.v9", {}), ("other", labels)]
    assert read_revisions(found) == [Revision(9, "", ""), Revision(10, "deployed", "d", labels)]


def test_payload_is_read() -> None:
    observed = stored(DESIRED, description="Upgrade complete")
    assert observed.chart_version == "1.19.1"
    assert observed.harbor_version == "2.15.1"
    assert observed.config["externalURL"] == "https://cr.example.com"
    assert observed.changed_at == NOON.replace(microsecond=123456)
    assert observed.description == "Upgrade complete"


def test_the_digest_of_the_chart_is_in_the_description() -> None:
    digest = f"sha256:{'0a' * 32}"
    assert stored(DESIRED, description=chart_description(digest)).chart_digest == digest
    for text in ("Upgrade complete", "", "chart sha256:0a", f"{chart_description(digest)} and more"):
        assert stored(DESIRED, description=text).chart_digest == ""


@pytest.mark.parametrize("payload", ["", "hush", base64.b64encode(b"hush").decode(), "H4sIAAAA"])
def test_garbage_is_not_a_release(payload: str) -> None:
    with pytest.raises(ValueError, match="not a release"):
        read_payload(SecretStr(payload))


def test_unlocking_marks_label_and_payload_and_keeps_the_rest() -> None:
    wanted = DESIRED
    patch = unlock_patch(SecretStr(release_payload(wanted, "pending-upgrade", NOON, 3)))
    assert patch["metadata"]["labels"] == {"status": "failed"}
    payload = base64.b64decode(patch["data"]["release"]).decode()
    observed = read_payload(SecretStr(payload))
    assert observed.config == unwrap_secrets(wanted.values)
    assert observed.description.startswith("marked as failed")


def test_a_payload_that_expands_beyond_the_limit_is_refused() -> None:
    bomb = packed(b'{"config": {"a": "' + b"0" * (MAX_PAYLOAD_BYTES + 1) + b'"}}')
    assert len(bomb.get_secret_value()) < MAX_PAYLOAD_BYTES / 500
    with pytest.raises(ValueError, match="not a release"):
        read_payload(bomb)


def test_a_large_payload_within_the_limit_is_read() -> None:
    release = {"chart": {"metadata": {"version": "1.19.1"}}, "manifest": "x" * (MAX_PAYLOAD_BYTES // 2)}
    assert read_payload(packed(json.dumps(release).encode())).chart_version == "1.19.1"


def test_a_deeply_nested_payload_is_refused() -> None:
    with pytest.raises(ValueError, match="not a release"):
        read_payload(packed(b"[" * 100_000))


SERVICE = "---\n# Source: harbor/templates/svc.yaml\nkind: Service\nmetadata: {name: PersistentVolumeClaim}\n"
CLAIM = """---
# Source: harbor/templates/registry/registry-pvc.yaml
kind: PersistentVolumeClaim
apiVersion: v1
metadata:
  name: cr-harbor-registry
  annotations:
    other: "yes"
"""
KEPT_CLAIM = f"{CLAIM}    helm.sh/resource-policy: keep\n"


def manifest_of(manifest: str) -> SecretStr:
    return SecretStr(release_payload(DESIRED, "deployed", NOON, 1, manifest=manifest))


@pytest.mark.parametrize(("claim", "keep"), [(CLAIM, True), (KEPT_CLAIM, False)])
def test_a_changed_policy_is_written_into_the_volume_claims_only(claim: str, keep: bool) -> None:
    """Finding D3."""
    patch = volume_policy_patch(manifest_of(SERVICE + claim + SERVICE), keep=keep)
    assert patch
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(patch["data"]["release"]))))
    assert release["manifest"].startswith(f"{SERVICE}---\n")
    assert release["manifest"].endswith(f"\n{SERVICE}")
    written = list(yaml.safe_load_all(release["manifest"]))[1]
    expected: dict[str, Any] = yaml.safe_load(KEPT_CLAIM if keep else CLAIM)
    assert written == expected
    assert read_payload(SecretStr(base64.b64decode(patch["data"]["release"]).decode())).chart_version == "1.19.1"


@pytest.mark.parametrize(("manifest", "keep"), [(CLAIM, False), (KEPT_CLAIM, True), (SERVICE, True), ("", True)])
def test_a_manifest_with_the_right_policy_stays(manifest: str, keep: bool) -> None:
    """Finding D3."""
    assert volume_policy_patch(manifest_of(SERVICE + manifest), keep=keep) is None


@pytest.mark.parametrize("metadata", ["x", "[", "{a: &a [1], b: *a}"])
def test_a_volume_claim_that_helm_did_not_write_is_refused(metadata: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        volume_policy_patch(manifest_of(f"---\nkind: PersistentVolumeClaim\nmetadata: {metadata}\n"), keep=True)


@pytest.mark.parametrize(
    "content",
    [
        {"info": {"last_deployed": "2026-01-02T03:04:05"}},
        {"info": {"last_deployed": "0001-01-01T00:00:00+14:00"}},
        {"info": ["x"]},
        {"chart": "x"},
        {"chart": {"metadata": 1}},
    ],
)
def test_what_helm_never_writes_is_not_a_release(content: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        read_payload(packed(json.dumps(content).encode()))
