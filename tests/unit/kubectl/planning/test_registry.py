"""The HarborRegistry of a file, with identity and status of the one in the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import Recorder
from harbor_operator.kubectl.planning.registry import NEW_UID, read_planned_registry

URL = "https://cr.example.com"


def manifest(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "cr", "namespace": "intra", "annotations": {"a": "file", "b": "file"}}
    return {"kind": "HarborRegistry", "metadata": metadata, "spec": {"externalURL": URL, **spec}}


def live(**metadata: Any) -> dict[str, Any]:
    found = {"name": "cr", "namespace": "intra", "uid": "uid-1", "annotations": {"b": "live", "c": "live"}, **metadata}
    return {"metadata": found, "spec": {"externalURL": URL}, "status": {"releaseRevision": 4}}


class ClusterWith:
    namespace = "default"

    def __init__(self, *registries: dict[str, Any]) -> None:
        self._registries = list(registries)

    def get(self, path: str) -> dict[str, Any]:
        return {"metadata": {"uid": "cluster-1"}, "items": self._registries}

    def find(self, path: str) -> dict[str, Any]:
        return self.get(path)


class RegistryPlan:
    """Reads a manifest from a file."""

    def __init__(self, path: Path) -> None:
        self._path = path / "registry.yaml"
        self.recorder = Recorder(lambda: SecretStr("made"))

    def read(self, given: dict[str, Any], *registries: dict[str, Any]) -> HarborRegistry:
        self._path.write_text(yaml.safe_dump(given))
        cluster = cast("Cluster", ClusterWith(*registries))
        return read_planned_registry(cluster, str(self._path), "", self.recorder)

    @property
    def line(self) -> tuple[Action, tuple[str, ...]]:
        (line,) = self.recorder.lines
        return line.action, line.details


@pytest.fixture
def plan(tmp_path: Path) -> RegistryPlan:
    return RegistryPlan(tmp_path)


def test_a_new_registry_has_no_uid_yet(plan: RegistryPlan) -> None:
    registry = plan.read(manifest())
    assert (registry.metadata.uid, registry.metadata.cluster) == (NEW_UID, "cluster-1")
    assert plan.line == (Action.CREATE, ())


def test_uid_status_and_annotations_are_those_after_an_apply(plan: RegistryPlan) -> None:
    registry = plan.read(manifest(), live())
    assert (registry.metadata.uid, registry.observed.release_revision) == ("uid-1", 4)
    assert registry.metadata.annotations == {"a": "file", "b": "file", "c": "live"}
    assert plan.line == (Action.KEEP, ())


def test_the_sections_that_differ_are_named(plan: RegistryPlan) -> None:
    plan.read(manifest(projects=[{"name": "a"}], suspend=True), live())
    assert plan.line == (Action.CHANGE, ("`spec.suspend` differs", "`spec.projects` differs"))


def test_a_registry_that_is_being_deleted_has_no_plan(plan: RegistryPlan) -> None:
    with pytest.raises(CommandError, match="is being deleted"):
        plan.read(manifest(), live(deletionTimestamp="2026-11-01T12:00:00Z"))
