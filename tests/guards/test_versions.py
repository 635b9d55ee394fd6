"""The versions that the lab offers have pins and a place in the workflows; what is recorded of them passed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from lab import ceph, redis
from lab.gotools import TOOLS
from lab.packages import PINS
from lab.version_runs import RESULTS, TESTS
from lab.versions import CEPH, KUBERNETES, POSTGRES, REDIS, SERVERS
from tests.guards.sources import ROOT

NAMES = {server.name(version) for server in SERVERS for version in server.versions}
ENDS = {server.name(version) for server in SERVERS for version in (server.versions[0], server.versions[-1])}
NEWEST_KUBERNETES = KUBERNETES.name(KUBERNETES.versions[-1])
RESULTS_BY_NAME = {result["name"]: result for result in json.loads(RESULTS.read_text(encoding="utf-8"))}


def names_in(workflow: str) -> set[str]:
    """The versions in the matrix of the job `versions`."""
    content: Any = yaml.safe_load((ROOT / ".github/workflows" / workflow).read_text(encoding="utf-8"))
    return {name for names in content["jobs"]["versions"]["strategy"]["matrix"]["versions"] for name in names.split()}


def test_ci_runs_the_oldest_and_the_newest_and_the_nightly_workflow_all() -> None:
    assert names_in("ci.yaml") == ENDS - {NEWEST_KUBERNETES}, "the job `test` runs the newest Kubernetes"
    assert names_in("nightly.yaml") == NAMES


def test_every_version_has_a_source() -> None:
    assert set(redis.SUITES) | {"redis-6.2"} == set(REDIS.versions)
    assert set(ceph.SUITES) == set(CEPH.versions)
    pinned = json.loads((PINS / "postgres/package.json").read_text(encoding="utf-8"))["dependencies"]
    assert set(pinned) == {POSTGRES.name(version) for version in POSTGRES.versions}


@pytest.mark.parametrize("minor", KUBERNETES.versions)
def test_every_minor_of_kubernetes_is_pinned(minor: str) -> None:
    folder = "kubernetes" if minor == KUBERNETES.versions[-1] else f"kubernetes-{minor}"
    text = (TOOLS / folder / "go.mod").read_text(encoding="utf-8")
    assert re.findall(r"\bk8s\.io/kubernetes v(\d+\.\d+)\.", text) == [minor]
    assert set(re.findall(r"=> k8s\.io/\S+ v0\.(\d+)\.", text)) == {minor.removeprefix("1.")}


def test_the_tests_of_the_servers_exist() -> None:
    assert [path for paths in TESTS.values() for path in paths if not (ROOT / path).is_file()] == []


def test_the_oldest_and_the_newest_ran_and_nothing_recorded_failed() -> None:
    assert set(RESULTS_BY_NAME) <= NAMES, "`make versions` has recorded a version that the lab does not offer"
    assert set(RESULTS_BY_NAME) >= ENDS, "run `make versions VERSIONS=...`"
    assert [name for name, result in RESULTS_BY_NAME.items() if result["failed"] or not result["passed"]] == []
