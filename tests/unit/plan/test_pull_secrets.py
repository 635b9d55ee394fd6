from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from harbor_operator.api.robot import Robot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.pull_secrets import check_robot
from harbor_operator.model.harbor import Login, ObservedRobot
from harbor_operator.plan import names
from harbor_operator.plan.pull_secrets import docker_config, image_hosts, is_strong, plan_robot, pull_login_ref
from harbor_operator.reasons import Reason


def _registry(
    url: str = "https://cr.example.com", uid: str = "uid-1", cluster: str = "cluster-1", **spec: Any
) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": uid}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": url, **spec}}, cluster)


DESIRED = plan_robot(_registry(), Robot(projects=["b", "a", "b"]))
OBSERVED = ObservedRobot(7, "robot$intra-cr-pull-a222a995", DESIRED.description, DESIRED.grants)


def test_the_robot_can_only_pull() -> None:
    assert DESIRED.name == "intra-cr-pull-a222a995"
    assert DESIRED.projects == ("a", "b")
    assert {grant[1:] for grant in DESIRED.grants} == {("repository", "pull")}
    assert plan_robot(_registry(), Robot(projects=["a", "*"])).projects == ("*",)


def test_a_robot_of_another_registry_is_refused() -> None:
    assert check_robot(DESIRED, OBSERVED) is None
    foreign = plan_robot(_registry(cluster="cluster-2"), Robot()).description
    earlier = plan_robot(_registry(uid="uid-2"), Robot()).earlier_description
    for description in (foreign, earlier, "", "made by hand"):
        blocked = check_robot(DESIRED, replace(OBSERVED, description=description))
        assert blocked is not None
        assert blocked.reason is Reason.ROBOT_REFUSED
        assert "delete" not in blocked.message
        assert "robot$intra-cr-pull-a222a995" in blocked.message


def test_equal_registries_of_two_clusters_have_two_robots() -> None:
    """Finding F1."""
    other = plan_robot(_registry(cluster="cluster-2"), Robot())
    assert other.name != DESIRED.name
    assert "cluster-2" in other.description


def test_registries_whose_names_join_to_the_same_text_have_two_robots() -> None:
    """Finding F1."""
    spec = {"externalURL": "https://cr.example.com"}
    metadata = [{"namespace": "a-b", "name": "c", "uid": "u"}, {"namespace": "a", "name": "b-c", "uid": "v"}]
    first, second = (HarborRegistry.parse({"metadata": each, "spec": spec}, "cluster-1") for each in metadata)
    assert plan_robot(first, Robot()).name != plan_robot(second, Robot()).name


@pytest.mark.parametrize(
    ("namespace", "name"),
    [("intra", "cr"), ("a--b", "c"), ("a", "b.c"), ("a", "x" * 253), ("a", "b--c"), ("n" * 63, "a-" * 90 + "a")],
)
@pytest.mark.parametrize("generation", [1, 2, 17])
def test_harbor_accepts_the_name_of_every_robot(namespace: str, name: str, generation: int) -> None:
    metadata = {"namespace": namespace, "name": name, "uid": "u"}
    registry = HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": "https://cr.example.com"}}, "c")
    robot = names.robot(registry, generation)
    assert re.fullmatch(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", robot)
    assert len(robot) <= 255
    for prefix in ("robot$", "bot-2", ""):
        assert names.robot_generation(registry, prefix + robot) == generation
    assert names.robot_generation(registry, f"robot${robot}.shop") is None
    assert names.robot_generation(registry, f"robot${robot}x") is None


def test_a_registry_that_is_created_again_owns_its_robot() -> None:
    """Finding R7."""
    again = plan_robot(_registry(uid="uid-2"), Robot())
    assert check_robot(again, OBSERVED) is None
    assert again.is_met_by(replace(OBSERVED, grants=again.grants))


def test_a_robot_of_an_earlier_version_belongs_to_the_registry_with_its_uid() -> None:
    """Finding F1."""
    earlier = replace(OBSERVED, description="pull secrets of HarborRegistry intra/cr (uid-1)")
    assert check_robot(DESIRED, earlier) is None
    assert not DESIRED.is_met_by(earlier)


@pytest.mark.parametrize(
    "change", [{"grants": frozenset({("a", "repository", "push")})}, {"duration_days": 30}, {"is_enabled": False}]
)
def test_a_changed_robot_does_not_meet_the_desired_state(change: dict[str, Any]) -> None:
    assert DESIRED.is_met_by(OBSERVED)
    assert not DESIRED.is_met_by(replace(OBSERVED, **change))


@pytest.mark.parametrize(
    ("secret", "strong"),
    [("Abcdefg1", True), ("Abcdef1", False), ("abcdefg1", False), ("ABCDEFG1", False), ("Abcdefgh", False)],
)
def test_harbors_rule_for_robot_secrets(secret: str, strong: bool) -> None:
    assert is_strong(SecretStr(secret)) is strong
    assert not is_strong(SecretStr(secret + "A" * 128))


def test_the_docker_config_is_keyed_by_host_and_port() -> None:
    assert image_hosts(_registry("https://cr.example.com:8443/")) == ("cr.example.com:8443",)
    config = docker_config(_registry("https://cr.example.com:8443"), Login("robot$x", SecretStr("Word-1")))
    auth = base64.b64encode(b"robot$x:Word-1").decode()
    entry = {"username": "robot$x", "password": "Word-1", "auth": auth}
    assert json.loads(config.get_secret_value()) == {"auths": {"cr.example.com:8443": entry}}
    assert "Word-1" not in repr(config)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://cr.example.com:443", "cr.example.com"),
        ("http://cr.example.com:80", "cr.example.com"),
        ("https://CR.example.com/", "cr.example.com"),
        ("https://[fd00::1]:8443", "[fd00::1]:8443"),
    ],
)
def test_the_image_host_has_no_default_port_and_no_upper_case(url: str, host: str) -> None:
    assert image_hosts(_registry(url)) == (host,)


@given(username=st.text(min_size=1), password=st.text())
def test_the_same_credential_gives_the_same_bytes(username: str, password: str) -> None:
    configs = [docker_config(_registry(), Login(username, SecretStr(password))).get_secret_value() for _ in range(2)]
    assert configs[0] == configs[1]
    entry = json.loads(configs[0])["auths"]["cr.example.com"]
    assert base64.b64decode(entry["auth"]).decode() == f"{username}:{password}"


def test_the_login_is_the_referenced_or_the_generated_one() -> None:
    assert pull_login_ref(_registry()) is None
    given = {"name": "pull-account", "usernameKey": "user"}
    referenced = pull_login_ref(_registry(pullSecrets={"credential": {"secretRef": given}}))
    assert referenced is not None
    assert (referenced.name, referenced.keys) == ("pull-account", ("user", "password"))
    generated = pull_login_ref(_registry(pullSecrets={"credential": {"robot": {}}}))
    assert generated is not None
    assert (generated.name, generated.keys) == ("hreg-cr-pull-robot", ("username", "password"))


def test_every_host_of_this_harbor_has_the_same_credential() -> None:
    """Finding F14."""
    section = {"credential": {"robot": {}}, "extraHosts": ["CR.internal:8443", "mirror.example.com"]}
    config = docker_config(_registry(pullSecrets=section), Login("robot$x", SecretStr("Word-1")))
    auths = json.loads(config.get_secret_value())["auths"]
    assert set(auths) == {"cr.example.com", "cr.internal:8443", "mirror.example.com"}
    assert len({json.dumps(entry) for entry in auths.values()}) == 1


def test_other_registries_have_their_own_credentials() -> None:
    """Finding F14."""
    others = {"quay.io": Login("q", SecretStr("x")), "docker.io": Login("d", SecretStr("y"))}
    config = docker_config(_registry(), Login("robot$x", SecretStr("Word-1")), others)
    auths = json.loads(config.get_secret_value())["auths"]
    assert {host: entry["username"] for host, entry in auths.items()} == {
        "cr.example.com": "robot$x",
        "quay.io": "q",
        "https://index.docker.io/v1/": "d",
    }


@pytest.mark.parametrize(
    "hosts",
    [
        {"extraHosts": ["a.example.com", "A.example.com"]},
        {"extraHosts": ["q.io"], "additionalCredentials": [{"host": "q.io", "secretRef": {"name": "q"}}]},
        {"extraHosts": ["https://a.example.com"]},
        {"extraHosts": ["a.example.com/project"]},
    ],
)
def test_a_host_that_is_repeated_or_not_a_host_is_refused(hosts: dict[str, Any]) -> None:
    """Finding F14."""
    with pytest.raises(ValidationError):
        _registry(pullSecrets={"credential": {"robot": {}}, **hosts})
