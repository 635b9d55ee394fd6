"""The type, key and encoding of a pull Secret's content."""

from __future__ import annotations

import base64
import hashlib

DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG_KEY = ".dockerconfigjson"


def digest_of(encoded: str) -> bytes:
    """Returns the SHA-256 digest by which contents are compared, of the base64 text that the API holds."""
    return hashlib.sha256(encoded.encode()).digest()


def encode(text: str) -> str:
    """Returns the text in base64, as the API holds it."""
    return base64.b64encode(text.encode()).decode()
