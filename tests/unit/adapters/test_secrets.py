from __future__ import annotations

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from harbor_operator.adapters.secrets import make_htpasswd, make_key_pair, make_password


def test_passwords_satisfy_harbor_and_differ() -> None:
    made = {make_password(16).get_secret_value() for _ in range(20)}
    assert len(made) == 20
    for word in made:
        assert len(word) == 16
        assert word.isalnum()
        assert any(c.isupper() for c in word) and any(c.islower() for c in word) and any(c.isdigit() for c in word)  # noqa: PT018


def test_key_pair_belongs_together() -> None:
    pair = make_key_pair()
    key = load_pem_private_key(pair.key.get_secret_value().encode(), None)
    certificate = x509.load_pem_x509_certificate(pair.certificate.get_secret_value().encode())
    assert certificate.public_key() == key.public_key()
    assert "RSA PRIVATE KEY" in pair.key.get_secret_value()


def test_htpasswd_names_the_user_and_checks() -> None:
    line = make_htpasswd("me", SecretStr("word")).get_secret_value()
    assert line.startswith("me:$2b$04$")
    assert bcrypt.checkpw(b"word", line.removeprefix("me:").encode())
