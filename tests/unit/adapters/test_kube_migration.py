"""Of a pull Secret, only the hosts are read, and never more of them than a bound."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from harbor_operator.adapters import kube_migration
from tests.fakes.other_injectors import docker_config


def hosts(config: Any) -> frozenset[str]:
    text = config if isinstance(config, str) else json.dumps(config)
    return kube_migration._hosts(base64.b64encode(text.encode()).decode())


def test_the_hosts_are_read_without_their_logins() -> None:
    assert hosts(docker_config("https://CR.example.com/v2/", "https://index.docker.io/v1/")) == {
        "cr.example.com",
        "docker.io",
    }


@pytest.mark.parametrize("content", ["", "{", "[]", '{"auths": []}', '{"auths": null}', "{}", '{"cr.example.com": {}}'])
def test_other_content_has_no_hosts(content: str) -> None:
    assert hosts(content) == frozenset()


def test_content_that_is_not_base64_has_no_hosts() -> None:
    assert kube_migration._hosts("%%%") == frozenset()


def test_a_secret_with_too_many_logins_is_not_read() -> None:
    names: dict[str, dict[str, str]] = {f"host-{number}": {} for number in range(kube_migration.MAX_HOSTS_READ + 1)}
    assert hosts({"auths": names}) == frozenset()


@pytest.mark.parametrize("key", ["\x1b[2Jcr.example.com", "cr example", "x" * 300, ""])
def test_a_key_that_is_no_host_is_not_shown(key: str) -> None:
    assert hosts({"auths": {key: {}}}) == {kube_migration.INVALID_HOST}
