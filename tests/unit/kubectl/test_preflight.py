"""The checks of `doctor` run at the same time, each with a deadline, and report what still runs."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
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


class ClusterWith:
    """A cluster that has HarborRegistries only."""

    def __init__(self, *registries: Manifest) -> None:
        self._registries = list(registries)

    def find(self, path: str) -> Manifest | None:
        return {"items": self._registries} if path == path_of("") else None


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def manifest(**spec: Any) -> Manifest:
    metadata = {"name": "cr", "namespace": "intra", "uid": ""}
    return {"metadata": metadata, "spec": {"externalURL": "https://127.0.0.1:1", **spec}}


def run(
    given: Manifest, *live: Manifest, only: Collection[Area], timeout_seconds: float = 30.0
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
    return check(cast("Cluster", ClusterWith(*live)), registry, options), progress


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
