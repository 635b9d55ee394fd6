"""The format of Harbor's encrypted values, against a value that OpenSSL encrypted (`openssl enc -aes-128-cfb`)."""

from __future__ import annotations

import base64

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.harbor_secrets import HEADER, decrypt

KEY = SecretStr("0123456789abcdef")
VECTOR = bytes(range(16))
PARTS = ("wVnrn4DQyjGKteCM59Ys", "w7RaVnfzewiGQ3xKeRic", "oiwtx3MRShid")
ENCRYPTED = base64.b64decode("".join(PARTS))
TEXT = b"a robot's secret of more than one block"


def stored(content: bytes) -> str:
    return HEADER + base64.b64encode(VECTOR + content).decode()


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 32, len(TEXT)])
def test_a_value_of_any_length_is_decrypted(length: int) -> None:
    assert decrypt(KEY, stored(ENCRYPTED[:length])) == TEXT[:length]


def test_another_key_makes_other_bytes() -> None:
    assert decrypt(SecretStr("fedcba9876543210"), stored(ENCRYPTED)) != TEXT


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("short", stored(b"x"), "key size"),
        ("0123456789abcdef", f"{HEADER}AAAA", "vector of one block"),
        ("0123456789abcdef", f"{HEADER}no base64!", "base64"),
    ],
)
def test_what_cannot_be_one_is_refused(key: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decrypt(SecretStr(key), value)
