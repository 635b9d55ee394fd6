"""Which credential the kubelet uses: the cases of its own tests, and Secrets that it cannot read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from harbor_operator.plan.keyring import (
    Credential,
    Image,
    explain_mismatch,
    find_credentials,
    parse_image,
    read_entries,
)

_NESTED = base64.b64encode(b"[" * 100_000).decode()


def credential(key: str, username: str = "a") -> Credential:
    return Credential("secret", key, username, "password")


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("nginx", Image("docker.io", "library/nginx", "latest")),
        ("team/app:1", Image("docker.io", "team/app", "1")),
        ("cr.example.com/app", Image("cr.example.com", "app", "latest")),
        ("cr.example.com:5000/a/b/c:1.2", Image("cr.example.com:5000", "a/b/c", "1.2")),
        ("localhost/app:1", Image("localhost", "app", "1")),
        ("cr.example.com/app:1@sha256:00", Image("cr.example.com", "app", "sha256:00")),
    ],
)
def test_the_parts_of_an_image(text: str, image: Image) -> None:
    assert parse_image(text) == image


@pytest.mark.parametrize("text", ["", "cr.example.com/Team/app", "https://cr.example.com/app", "app:", "a b", "app:-x"])
def test_a_name_that_no_node_accepts(text: str) -> None:
    assert parse_image(text) is None


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("*.kubernetes.io", "prefix.kubernetes.io/foo/bar"),
        ("prefix.*.io", "prefix.kubernetes.io/foo/bar"),
        ("*-good.kubernetes.io", "prefix-good.kubernetes.io/foo"),
        ("*.kubernetes.io/blah", "prefix.kubernetes.io/blah"),
        ("prefix.*.io/foo", "prefix.kubernetes.io/foo/bar"),
        ("*.kubernetes.io:1111/blah", "prefix.kubernetes.io:1111/blah"),
        ("https://hello.kubernetes.io", "hello.kubernetes.io/foo/bar"),
        ("http://hello.kubernetes.io/", "hello.kubernetes.io/foo/bar"),
        ("https://*.docker.io/v1/", "prefix.docker.io/path/foo"),
        ("https://*.docker.io/v2/", "prefix.docker.io/path/foo"),
        ("cr.example.com:5000/team", "cr.example.com:5000/team-a/app"),
        ("[fd00::1]:5000", "[fd00::1]:5000/team-a/app"),
    ],
)
def test_an_entry_matches(key: str, name: str) -> None:
    host, _, repository = name.partition("/")
    assert explain_mismatch(key, Image(host, repository, "1")) == ""


@pytest.mark.parametrize(
    ("key", "name", "why"),
    [
        ("*.kubernetes.io", "kubernetes.io/a", "its host is '*.kubernetes.io'"),
        ("[fd00::1]", "[fd00::1]/a", "its host is '[fd00::1]'"),  # a pattern for one character, as in the kubelet
        ("[fd00::1", "cr.example.com/a", "its host is ''"),
        ("*.*.kubernetes.io", "prefix.kubernetes.io/a", "its host is '*.*.kubernetes.io'"),
        ("k*.io", "quay.io/a", "its host is 'k*.io'"),
        ("*.kubernetes.io:1234/a", "p.kubernetes.io:1111/a", "its port is 1234, that of the image is 1111"),
        ("cr.example.com:443", "cr.example.com/a", "its port is 443, that of the image is not set"),
        ("cr.example.com/b", "cr.example.com/a", "its path '/b' is not the start of '/a'"),
    ],
)
def test_an_entry_does_not_match(key: str, name: str, why: str) -> None:
    host, _, repository = name.partition("/")
    assert explain_mismatch(key, Image(host, repository, "1")) == why


def test_the_most_specific_entry_is_tried_first() -> None:
    entries = [credential("cr.example.com"), credential("cr.example.com/team-a"), credential("*.example.com")]
    found = find_credentials(entries, Image("cr.example.com", "team-a/app", "1"))
    assert [entry.key for entry in found] == ["cr.example.com/team-a", "cr.example.com", "*.example.com"]


def test_entries_of_one_key_are_tried_in_order() -> None:
    entries = [credential("cr.example.com", "first"), credential("https://cr.example.com", "second")]
    found = find_credentials(entries, Image("cr.example.com", "app", "1"))
    assert [entry.username for entry in found] == ["first", "second"]


def test_the_entry_of_docker_hub() -> None:
    entries = [credential("https://index.docker.io/v1/")]
    assert find_credentials(entries, Image("docker.io", "library/nginx", "1")) == entries
    assert find_credentials(entries, Image("cr.example.com", "library/nginx", "1")) == []


def secret(
    content: Any, kind: str = "kubernetes.io/dockerconfigjson", key: str = ".dockerconfigjson"
) -> dict[str, Any]:
    encoded = base64.b64encode(json.dumps(content).encode()).decode()
    return {"metadata": {"name": "pull"}, "type": kind, "data": {key: encoded}}


def test_the_entries_of_a_secret() -> None:
    login = base64.b64encode(b"robot$a:b:c").decode().rstrip("=")
    content = {"auths": {"a": {"username": "u", "password": "p"}, "b": {"auth": login, "username": "other"}}}
    assert read_entries(secret(content)) == [
        Credential("pull", "a", "u", "p"),
        Credential("pull", "b", "robot$a", "b:c"),
    ]
    old = secret(content["auths"], "kubernetes.io/dockercfg", ".dockercfg")
    assert read_entries(old) == read_entries(secret(content))


@pytest.mark.parametrize(
    "found",
    [
        secret({"auths": {}}, "Opaque"),
        secret({"auths": []}),
        secret({"auths": {"a": {"auth": "%%%"}}}),
        secret({"auths": {"a": {"auth": "YWJj"}}}),
        secret([]),
        {"metadata": {}, "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": _NESTED}},
        secret({}, key="other"),
        {"metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e"}},
    ],
)
def test_a_secret_that_the_kubelet_cannot_read(found: dict[str, Any]) -> None:
    assert read_entries(found) is None


def test_a_password_is_not_shown() -> None:
    assert "password'" not in repr(credential("a"))
