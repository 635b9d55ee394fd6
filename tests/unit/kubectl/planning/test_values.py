"""The diff of chart values shows what differs, and no secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.kubectl.planning.values import values_diff

KEY = SecretStr("planned-secret-0123")


def diff(planned: dict[str, Any], running: dict[str, Any], *secrets: SecretStr) -> list[str]:
    return list(values_diff(planned, running, secrets))[3:]


def test_equal_values_have_no_diff() -> None:
    assert list(values_diff({"a": {"b": [1]}, "key": KEY}, {"a": {"b": [1]}, "key": "planned-secret-0123"}, ())) == []


def test_the_diff_is_that_of_yaml() -> None:
    planned = {"core": {"replicas": 2}, "expose": {"type": "ingress"}}
    assert diff(planned, {"core": {"replicas": 1}, "expose": {"type": "clusterIP"}, "trivy": {"enabled": True}}) == [
        " core:",
        "-  replicas: 1",
        "+  replicas: 2",
        " expose:",
        "-  type: clusterIP",
        "-trivy:",
        "-  enabled: true",
        "+  type: ingress",
    ]


def test_a_null_is_no_difference() -> None:
    assert diff({"a": 1}, {"a": 1, "b": None, "c": {"d": None}}) == [" a: 1", "-c: {}"]


@pytest.mark.parametrize(
    ("planned", "running", "expected"),
    [
        ({"key": KEY}, {"key": "running-secret-0123"}, ["-key: '*** (before)'", "+key: '*** (after)'"]),
        ({"key": KEY}, {}, ["+key: '***'"]),
        ({"key": KEY}, {"key": ["running-secret-0123"]}, ["-key:", "-- '***'", "+key: '***'"]),
        ({"key": KEY}, {"key": {"a": "running-secret-0123"}}, ["-key:", "-  a: '***'", "+key: '***'"]),
        ({}, {"gone": "running-secret-0123"}, ["-gone: '***'"]),
        (
            {"password": "b"},
            {"password": "running-secret-0123"},
            ["-password: '*** (before)'", "+password: '*** (after)'"],
        ),
        ({}, {"adminPassword": 123456}, ["-adminPassword: '*** (before)'"]),
        ({"env": ["a", "c"]}, {"env": ["running-secret-0123", "c"]}, ["-- '***'", "+- a", " - c"]),
        (
            {"url": "https://b"},
            {"url": f"https://{'running-secret-0123'}@a"},
            ["-url: https://REMOVED@a", "+url: https://b"],
        ),
        ({"a": "b"}, {"a": "running-secret-0123"}, ["-a: '***'", "+a: b"]),
    ],
)
def test_no_secret_of_either_side_is_shown(
    planned: dict[str, Any], running: dict[str, Any], expected: list[str]
) -> None:
    found = diff(planned, running, SecretStr("running-secret-0123") if planned == {"a": "b"} else KEY)
    assert [line for line in found if line != " env:"] == expected
    assert "secret-0123" not in "".join(found)


def test_the_name_of_an_existing_secret_is_shown() -> None:
    assert diff({"existingSecret": "b"}, {"existingSecret": "a"}) == ["-existingSecret: a", "+existingSecret: b"]
