"""The order of the samples, and the login in the content of a pull Secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.model.harbor import Login
from harbor_operator.plan.docker_config import encode, render_docker_config
from harbor_operator.plan.pull_sample import find_login, first_position, next_namespaces

HOST = "cr.example.com"
LOGIN = Login("robot$cr", SecretStr("Pass-1:2"))


def test_every_namespace_has_its_turn() -> None:
    names = [f"n{number}" for number in range(7)]
    seen: list[str] = []
    for _ in range(7):
        seen += next_namespaces(set(names), seen[-1] if seen else "", 3)
    assert seen == names * 3


@pytest.mark.parametrize("last", ["b", "bb", "c"])
def test_a_namespace_that_is_gone_does_not_stop_the_rotation(last: str) -> None:
    assert next_namespaces({"a", "b", "d", "e"}, last, 2) == ["d", "e"]


def test_a_sample_contains_no_namespace_twice() -> None:
    assert next_namespaces({"a", "b"}, "a", 5) == ["b", "a"]
    assert next_namespaces(set(), "a", 5) == []


def test_a_restart_continues_the_rotation() -> None:
    names = {"a", "b", "c", "d", "e"}
    starts = [next_namespaces(names, first_position(names, 2 * turn), 2) for turn in range(3)]
    assert starts == [["a", "b"], ["c", "d"], ["e", "a"]]
    assert not first_position(set(), 7)


def test_the_login_that_the_operator_writes_is_found() -> None:
    others = {"quay.io": Login("other", SecretStr("x")), "docker.io": Login("hub", SecretStr("y"))}
    text = render_docker_config({**others, HOST: LOGIN, "harbor.intra:8443": LOGIN})
    content = SecretStr(encode(text.get_secret_value()))
    assert find_login(content, HOST, None) == LOGIN
    assert find_login(content, HOST, "team-a/app:1") == LOGIN
    assert find_login(content, f"{HOST}:8443", None) is None


@pytest.mark.parametrize(
    ("auths", "login"),
    [
        ({HOST: {"username": "a", "password": "b"}}, Login("a", SecretStr("b"))),
        ({HOST: {"auth": "YTpi", "username": "c", "password": "d"}}, Login("a", SecretStr("b"))),
        ({f"https://{HOST}/v2/": {"auth": "YTpi"}, f"{HOST}/team-a": {"auth": "Yzpk"}}, Login("c", SecretStr("d"))),
        ({"*.example.com": {"auth": "YTpi"}}, Login("a", SecretStr("b"))),
        ({"quay.io": {"auth": "YTpi"}}, None),
        ({HOST: {"auth": "YWI="}}, None),
    ],
)
def test_a_login_is_found_as_a_kubelet_does(auths: dict[str, Any], login: Login | None) -> None:
    assert find_login(SecretStr(encode(json.dumps({"auths": auths}))), HOST, "team-a/app:1") == login


@pytest.mark.parametrize("content", ["", "%%%", encode("[" * 100_000), encode("{}"), encode('{"auths": {"a": 1}}')])
def test_an_unreadable_content_has_no_login(content: str) -> None:
    assert find_login(SecretStr(content), HOST, None) is None
