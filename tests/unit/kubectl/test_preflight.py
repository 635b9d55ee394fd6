"""The checks of `doctor` run at the same time, each with a deadline, and report what still runs."""

from __future__ import annotations

import base64
import socket
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.areas import Area
from harbor_operator.kubectl.cluster import Cluster, Manifest
from harbor_operator.kubectl.findings import Finding
from harbor_operator.kubectl.operator_settings import OperatorSettings
from harbor_operator.kubectl.preflight import Options, check, parse_sources
from harbor_operator.kubectl.registries import path_of
from harbor_operator.model.storage_migration import MigrationPhase, MigrationRecord
from harbor_operator.plan import names
from harbor_operator.plan.storage_migration import write_record


class ClusterWith:
    """A cluster that has HarborRegistries and Secrets only."""

    def __init__(self, *registries: Manifest, secrets: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._registries = list(registries)
        self._secrets = secrets or {}

    def find(self, path: str) -> Manifest | None:
        if path == path_of(""):
            return {"items": self._registries}
        name = path.rpartition("/secrets/")[2]
        if name not in self._secrets:
            return None
        owner = names.owner_labels(HarborRegistry.parse(self._registries[0], "cluster-1"))
        data = {key: base64.b64encode(value.encode()).decode() for key, value in self._secrets[name].items()}
        metadata = {"name": name, "labels": dict(owner), "resourceVersion": "1"}
        return {"metadata": metadata, "type": "Opaque", "data": data}


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def manifest(**spec: Any) -> Manifest:
    metadata = {"name": "cr", "namespace": "intra", "uid": ""}
    return {"metadata": metadata, "spec": {"externalURL": "https://127.0.0.1:1", **spec}}


def run(
    given: Manifest,
    *live: Manifest,
    only: Collection[Area],
    timeout_seconds: float = 30.0,
    secrets: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[list[Finding], list[list[str]]]:
    """Returns the findings, and what was still running after each change."""
    progress: list[list[str]] = []
    options = Options(
        OperatorSettings(parse_sources("https://helm.goharbor.io")),
        only,
        timeout_seconds,
        lambda: datetime.now(UTC),
        lambda running: progress.append([*running]),
    )
    registry = HarborRegistry.parse(given, "cluster-1")
    return check(cast("Cluster", ClusterWith(*live, secrets=secrets)), registry, options), progress


def test_checks_that_do_not_end_have_a_deadline_and_run_at_the_same_time(silent: str) -> None:
    given = manifest(externalURL=f"https://{silent}", cache={"addresses": [silent]})
    findings, progress = run(given, only=[Area.CACHE, Area.REGISTRY], timeout_seconds=0.2)
    assert [(each.where, each.code) for each in findings] == [
        ("spec.cache", "Unavailable"),
        ("spec.externalURL", "Unavailable"),
    ]
    assert findings[0].text == "the check did not end within 0.2 s"
    assert progress[0] == ["spec.cache", "spec.externalURL"]
    assert progress[-2:] == [[], []]


def test_a_harbor_that_was_installed_must_answer() -> None:
    release = {"chart": "harbor", "version": "1.19.1", "serviceAccountName": "harbor-release"}
    given = manifest(release=release)
    (expected,), _ = run(given, only=[Area.REGISTRY])
    assert (expected.level, expected.code) == ("warning", "RegistryUnreachable")
    live = {**given, "metadata": {**given["metadata"], "uid": "uid-1"}, "status": {"releaseRevision": 4}}
    (found,), _ = run(given, live, only=[Area.REGISTRY])
    assert (found.level, found.code) == ("error", "RegistryUnreachable")


def test_the_storage_that_the_release_uses_after_a_migration_is_checked() -> None:
    target = {"endpoint": "https://127.0.0.1:1", "bucket": "images", "credentialsSecretRef": {"name": "s3"}}
    swift = {"authURL": "https://127.0.0.1:2/auth/v1.0", "credentialsSecretRef": {"name": "swift"}}
    storage = {"swift": swift, "migration": {"to": {"s3": target}}}
    given = manifest(storage=storage, release={"version": "1.19.1"})
    source, to = "container 'harbor' at 'https://127.0.0.1:2/auth/v1.0'", "bucket 'images' at 'https://127.0.0.1:1'"
    secrets = {
        "swift": {"username": "harbor:swift", "password": "key"},
        "s3": {"accessKey": "ACCESS", "secretKey": "secret"},
        "hreg-cr-pins": {"STORAGE_MIGRATION": write_record(MigrationRecord(source, to, MigrationPhase.FINISHED))},
    }

    (finding,), _ = run(given, given, only=[Area.STORAGE], secrets=secrets)

    assert finding.code == "StorageUnreachable"
    assert "127.0.0.1:1" in finding.text
