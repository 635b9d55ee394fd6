"""Whose a robot of a project is, by its name and description."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.project_robots import RobotState, SecretPlace
from harbor_operator.plan.project_robots import (
    login_labels,
    named_generations,
    owned_name,
    plan_project_robot,
    read_state,
    state_labels,
)

ROBOT = {"name": "ci", "access": [{"resource": "repository", "action": "pull"}], "secret": {"name": "login"}}


def registry(cluster: str = "cluster-1", name: str = "cr") -> HarborRegistry:
    spec = {"externalURL": "https://cr.example.com", "projects": [{"name": "team-a", "robots": [ROBOT]}]}
    return HarborRegistry.parse({"metadata": {"name": name, "namespace": "intra", "uid": "1"}, "spec": spec}, cluster)


def observed(login: str, owner: HarborRegistry, project: str = "team-a") -> ObservedRobot:
    desired = plan_project_robot(owner, project, owner.spec.projects[0].robots[0])
    return ObservedRobot(1, login, desired.description, desired.grants)


@pytest.mark.parametrize("prefix", ["robot$", "bot.", ""])
def test_generations_are_found_whatever_the_prefix_is(prefix: str) -> None:
    names = ["team-a+ci", "team-a+ci_2", "team-a+ci_10", "team-a+ci-2", "team-a+xci", "team-a+ci_2_3", "team-a+ci_0"]
    names += ["team-a+ci_1"]  # Harbor shows the first generation without a number
    listed = [observed(f"{prefix}{name}", registry()) for name in names]
    found = named_generations("team-a", "ci", listed)
    assert {number: robot.login for number, robot in found.items()} == {
        1: f"{prefix}team-a+ci",
        2: f"{prefix}team-a+ci_2",
        10: f"{prefix}team-a+ci_10",
    }


def test_a_robot_belongs_to_one_registry_of_one_cluster() -> None:
    mine = observed("robot$team-a+ci_2", registry())
    assert owned_name(registry(), "team-a", mine) == "ci"
    assert owned_name(registry("cluster-2"), "team-a", mine) is None
    assert owned_name(registry(name="other"), "team-a", mine) is None
    assert owned_name(registry(), "team-a", observed("robot$team-a+another", registry())) is None


def test_no_secret_of_a_robot_passes_for_another() -> None:
    labels = login_labels(registry(), ("team-a", "ci"))
    assert labels != login_labels(registry(), ("team", "a-ci"))
    assert not state_labels(registry()).items() <= labels.items()
    assert not labels.items() <= state_labels(registry()).items()
    assert str(SecretPlace("ci", "login")) == "Secret 'ci/login'"
    assert RobotState().place is None


def test_a_secret_that_another_client_damaged_names_no_place() -> None:
    damaged = {"project": "team-a", "robot": "ci", "secret-name": "login"}
    stored = StoredSecret("hreg-cr-robot-1", {key: SecretStr(text) for key, text in damaged.items()}, {}, {}, "1")
    assert read_state(stored) == (("team-a", "ci"), RobotState())
