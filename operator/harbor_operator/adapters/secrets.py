"""The generator of secrets: passwords, the token key pair and the registry's htpasswd line.

`cryptography` and `bcrypt` are imported at the first use: they take 8 MiB, and a registry without a release needs none.
"""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from harbor_operator.adapters.certificates import CERTIFICATE_TOOLS
from harbor_operator.model.certificates import KeyPair
from harbor_operator.model.release import SecretGenerator
from harbor_operator.plan.generated_secrets import PASSWORD_LENGTH

# ruff: noqa: PLC0415 - see the docstring of the module

# Letters and digits only: core writes the database password unquoted into a DSN, and jobservice into a URL.
_ALPHABET = string.ascii_letters + string.digits
_CERTIFICATE_YEARS = 20
MIN_BCRYPT_ROUNDS = 4
"""The least that the registry accepts. It checks the line at every request of core, and a check with the usual 10
rounds takes 64 ms of processor time. More rounds protect passwords that can be guessed: this one has 190 random
bits."""


def make_password(length: int = PASSWORD_LENGTH) -> SecretStr:
    """Returns letters and digits, with an upper-case letter, a lower-case letter and a digit as Harbor requires."""
    while True:
        word = "".join(secrets.choice(_ALPHABET) for _ in range(length))
        if any(c.isupper() for c in word) and any(c.islower() for c in word) and any(c.isdigit() for c in word):
            return SecretStr(word)


def make_name() -> str:
    """Returns 32 hexadecimal digits that no earlier call has returned."""
    return secrets.token_hex(16)


def make_key_pair() -> KeyPair:
    """Returns an RSA key and its certificate, valid for 20 years; Harbor signs registry tokens with it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "harbor-token-issuer")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365 * _CERTIFICATE_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    # Every Harbor back to 1.9 can read PKCS#1 ("RSA PRIVATE KEY").
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return KeyPair(SecretStr(pem.decode()), SecretStr(public.decode()))


def make_htpasswd(user: str, password: SecretStr) -> SecretStr:
    """Returns the bcrypt line that docker's registry accepts for the user; the password must not be guessable."""
    import bcrypt

    hashed = bcrypt.hashpw(password.get_secret_value().encode(), bcrypt.gensalt(MIN_BCRYPT_ROUNDS)).decode()
    return SecretStr(f"{user}:{hashed}")


SECRET_GENERATOR = SecretGenerator(make_password, make_key_pair, make_htpasswd, CERTIFICATE_TOOLS)
