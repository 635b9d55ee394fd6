"""The type, key and encoding of a pull Secret's content."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping

from pydantic import SecretStr

from harbor_operator.model.harbor import Login

DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG_KEY = ".dockerconfigjson"
_DOCKER_HUB = {"docker.io": "https://index.docker.io/v1/"}
"""The key under which every client looks up the credential of Docker Hub."""


def digest_of(encoded: str) -> bytes:
    """Returns the SHA-256 digest by which contents are compared, of the base64 text that the API holds."""
    return hashlib.sha256(encoded.encode()).digest()


def encode(text: str) -> str:
    """Returns the text in base64, as the API holds it."""
    return base64.b64encode(text.encode()).decode()


def render_docker_config(logins: Mapping[str, Login]) -> SecretStr:
    """Returns the value of `.dockerconfigjson` with the logins by host. The same logins give the same bytes."""
    entries = {_DOCKER_HUB.get(host, host): _entry(login) for host, login in logins.items()}
    return SecretStr(json.dumps({"auths": entries}, sort_keys=True, separators=(",", ":")))


def _entry(login: Login) -> dict[str, str]:
    plain = login.password.get_secret_value()
    auth = base64.b64encode(f"{login.username}:{plain}".encode()).decode()
    return {"auth": auth, "password": plain, "username": login.username}
