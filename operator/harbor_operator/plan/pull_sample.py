"""Which namespaces are next in a sample, and the login that a kubelet finds in their pull Secret."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection

from pydantic import SecretStr

from harbor_operator.model.harbor import Login
from harbor_operator.plan.docker_config import DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE
from harbor_operator.plan.keyring import Image, find_credentials, read_entries


def next_namespaces(ready: Collection[str], after: str, count: int) -> list[str]:
    """Returns the next `count` names in alphabetical order, and continues with the first one after the last."""
    names = sorted(ready)
    start = bisect_right(names, after)
    return (names[start:] + names[:start])[:count]


def first_position(ready: Collection[str], turn: int) -> str:
    """Returns the name after which the sample number `turn` begins, or the empty string without names.

    A new process continues about where the previous one ended, so that restarts do not prove the same names each time.
    """
    names = sorted(ready)
    return names[turn % len(names) - 1] if names else ""


def find_login(content: SecretStr, host: str, image: str | None) -> Login | None:
    """Returns the login that a kubelet uses for an image of the host, or for any image of it without one.

    `content` is the base64 text of `.dockerconfigjson`. Returns None if a kubelet finds none, or cannot read it.
    """
    data = {DOCKER_CONFIG_KEY: content.get_secret_value()}
    entries = read_entries({"metadata": {"name": ""}, "type": DOCKER_CONFIG_TYPE, "data": data})
    repository, _, tag = (image or "").rpartition(":")
    found = find_credentials(entries or [], Image(host, repository, tag))
    return Login(found[0].username, SecretStr(found[0].password)) if found else None
