from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry, Robot
from harbor_operator.checks.pull_secrets import check_robot
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.plan.pull_secrets import docker_config, image_host, is_strong, plan_robot, pull_login_secret
from harbor_operator.reasons import Reason


def _registry(url: str = "https://cr.example.com", uid: str = "uid-1", **spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": uid}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": url, **spec}})


WISH = plan_robot(_registry(), Robot(projects=["b", "a", "b"]))
SEEN = ObservedRobot(7, "robot$intra-cr-pull", WISH.description, WISH.grants)


def test_the_robot_may_pull_and_nothing_else() -> None:
    assert WISH.name == "intra-cr-pull"
    assert WISH.projects == ("a", "b")
    assert {grant[1:] for grant in WISH.grants} == {("repository", "pull")}
    assert plan_robot(_registry(), Robot(projects=["a", "*"])).projects == ("*",)


def test_a_robot_of_another_registry_is_left_alone() -> None:
    assert check_robot(WISH, SEEN) is None
    stranger = plan_robot(_registry(uid="uid-2"), Robot()).description
    for description in (stranger, "", "made by hand"):
        obstacle = check_robot(WISH, replace(SEEN, description=description))
        assert obstacle is not None
        assert obstacle.reason is Reason.ROBOT_REFUSED
        assert "robot$intra-cr-pull" in obstacle.message


@pytest.mark.parametrize(
    "change", [{"grants": frozenset({("a", "repository", "push")})}, {"never_expires": False}, {"is_enabled": False}]
)
def test_a_robot_that_was_changed_does_not_meet_the_wish(change: dict[str, Any]) -> None:
    assert WISH.is_met_by(SEEN)
    assert not WISH.is_met_by(replace(SEEN, **change))


@pytest.mark.parametrize(
    ("secret", "strong"),
    [("Abcdefg1", True), ("Abcdef1", False), ("abcdefg1", False), ("ABCDEFG1", False), ("Abcdefgh", False)],
)
def test_the_rule_of_harbor_for_secrets(secret: str, strong: bool) -> None:
    assert is_strong(SecretStr(secret)) is strong
    assert not is_strong(SecretStr(secret + "A" * 128))


def test_the_docker_config_is_found_by_host_and_port() -> None:
    assert image_host(_registry("https://cr.example.com:8443/")) == "cr.example.com:8443"
    config = docker_config(_registry("https://cr.example.com:8443"), "robot$x", SecretStr("Word-1"))
    auth = base64.b64encode(b"robot$x:Word-1").decode()
    entry = {"username": "robot$x", "password": "Word-1", "auth": auth}
    assert json.loads(config.get_secret_value()) == {"auths": {"cr.example.com:8443": entry}}
    assert "Word-1" not in repr(config)


@given(username=st.text(min_size=1), password=st.text())
def test_the_same_credential_gives_the_same_bytes(username: str, password: str) -> None:
    made = [docker_config(_registry(), username, SecretStr(password)).get_secret_value() for _ in range(2)]
    assert made[0] == made[1]
    entry = json.loads(made[0])["auths"]["cr.example.com"]
    assert base64.b64decode(entry["auth"]).decode() == f"{username}:{password}"


def test_the_login_secret_is_the_users_or_ours() -> None:
    assert pull_login_secret(_registry()) is None
    by_hand = _registry(pullSecrets={"credential": {"secretRef": {"name": "pull-account"}}})
    assert pull_login_secret(by_hand) == "pull-account"
    assert pull_login_secret(_registry(pullSecrets={"credential": {"robot": {}}})) == "hreg-cr-pull-robot"
