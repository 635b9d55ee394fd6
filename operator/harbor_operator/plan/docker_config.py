"""What one namespace holds, as far as it concerns pull Secrets; small, because there are ten thousand of them.

They are msgspec's structs rather than dataclasses: half the size, made in a fifth of the time, and (`gc=False`: they
refer to nothing that could refer back) never walked by the garbage collector, whose pauses would grow with the cluster.
"""

from __future__ import annotations

import base64
import hashlib

DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG_KEY = ".dockerconfigjson"


def digest_of(encoded: str) -> bytes:
    """Returns the digest by which two contents are compared; takes the content as the API holds it, in base64."""
    return hashlib.sha256(encoded.encode()).digest()


def encode(text: str) -> str:
    """Returns the content as the API holds it."""
    return base64.b64encode(text.encode()).decode()
