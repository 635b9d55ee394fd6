"""Which versions fit."""

from __future__ import annotations

from typing import Any

from harbor_operator import __version__
from harbor_operator.kubectl.version import find_skew, version_of


def deployment(image: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": labels},
        "spec": {"template": {"spec": {"containers": [{"name": "operator", "image": image}]}}},
    }


def test_the_version_of_a_deployment() -> None:
    assert version_of(deployment("harbor-operator:1.2.3")) == "1.2.3"
    assert version_of(deployment("cr.example.com:5000/a/harbor-operator:v1.2.3@sha256:00")) == "1.2.3"
    assert version_of(deployment("cr.example.com:5000/harbor-operator@sha256:00")) == "unknown"
    assert version_of(deployment("a:b", **{"app.kubernetes.io/version": "1.0.0"})) == "1.0.0"


def test_equal_versions_fit() -> None:
    assert find_skew({"a/b": __version__}, __version__, "a") == []


def test_what_differs_is_named() -> None:
    assert len(find_skew({"a/b": "9.9.9"}, __version__, "a")) == 2
    assert len(find_skew({"a/b": __version__}, "9.9.9", "a")) == 1
    assert len(find_skew({}, "", "a")) == 2
