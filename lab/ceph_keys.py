"""Encryption keys of a RADOS gateway (SSE-KMS)."""

from __future__ import annotations

import base64
import secrets

KEY_BYTES = 32
"""For AES-256."""


def key_lines(*names: str) -> str:
    """Returns settings of a gateway that has a new encryption key of each name, and that believes its proxy about TLS.

    The keys are in the configuration: Ceph's own way to test SSE-KMS without a key management service.
    """
    keys = " ".join(f"{name}={base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}" for name in names)
    return (
        "rgw crypt s3 kms backend = testing\n"
        f"rgw crypt s3 kms encryption keys = {keys}\n"
        "rgw trust forwarded https = true"
    )
