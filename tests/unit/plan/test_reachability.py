from __future__ import annotations

from dataclasses import replace
from typing import Any

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.projects import ObservedProject
from harbor_operator.plan.reachability import project_with_image, pull_project, trial_key, upload_repository


def _registry(generation: int = 1, **spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1", "generation": generation}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": "https://cr.example.com", **spec}})


LIBRARY = ObservedProject(1, "library", public=True)
TEAM = ObservedProject(2, "team", public=False, repositories=3)
PROXY = ObservedProject(3, "hub", public=True, repositories=9, registry=1)


def test_the_upload_probe_prefers_a_declared_project() -> None:
    registry = _registry(projects=[{"name": "absent"}, {"name": "team"}])
    assert upload_repository(registry, [LIBRARY, TEAM]) == "team/harbor-operator-probe"
    assert upload_repository(_registry(), [TEAM, LIBRARY]) == "library/harbor-operator-probe"


def test_a_proxy_cache_accepts_no_push() -> None:
    assert upload_repository(_registry(projects=[{"name": "hub"}]), [PROXY]) is None
    assert upload_repository(_registry(), []) is None


def test_the_pull_probe_uses_a_project_that_the_robot_can_pull() -> None:
    def robot(*projects: str) -> HarborRegistry:
        return _registry(pullSecrets={"credential": {"robot": {"projects": list(projects)}}})

    assert pull_project(robot("*"), [LIBRARY, TEAM]) == "team"
    assert pull_project(robot("team"), [LIBRARY, PROXY, TEAM]) == "team"
    assert pull_project(robot("library"), [LIBRARY, TEAM]) is None
    assert pull_project(_registry(pullSecrets={"credential": {"secretRef": {"name": "x"}}}), [TEAM]) == "team"
    assert pull_project(robot("*"), [PROXY, TEAM]) == "team"
    assert pull_project(robot("*"), [PROXY]) is None


def test_the_pull_probe_prefers_a_private_project() -> None:
    public, other = replace(LIBRARY, repositories=1), replace(TEAM, name="other")
    assert project_with_image([public, TEAM, other]) == "team"
    assert project_with_image([public]) == "library"


def test_a_probe_result_is_valid_for_one_generation() -> None:
    assert trial_key(_registry(1)) == trial_key(_registry(1))
    assert trial_key(_registry(1)) != trial_key(_registry(2))
