"""Values that Harbor stores encrypted with its secretKey, as its `ReversibleEncrypt` (src/common/utils) writes them.

AES in cipher feedback mode without authentication: a wrong key also decrypts, to random bytes.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from pydantic import SecretStr

HEADER = "<enc-v1>"
BLOCK_BYTES = 16


def decrypt(secret_key: SecretStr, value: str) -> bytes:
    """Returns what the key makes of a value with HEADER. Raises ValueError if the key or the value cannot be one."""
    stored = base64.b64decode(value.removeprefix(HEADER), validate=True)
    if len(stored) < BLOCK_BYTES:
        raise ValueError("an encrypted value has an initialization vector of one block")
    body = stored[BLOCK_BYTES:]
    # Each block is combined with the encryption of the one before it, and the first with that of the vector.
    before = stored[: -(-len(body) // BLOCK_BYTES) * BLOCK_BYTES]
    encryptor = Cipher(AES(secret_key.get_secret_value().encode()), ECB()).encryptor()  # noqa: S305 - Harbor's format
    return bytes(left ^ right for left, right in zip(body, encryptor.update(before), strict=False))
