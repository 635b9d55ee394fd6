"""The certificates of `spec.internalTLS`: an authority for each registry, and one certificate for each process.

`cryptography` is imported at the first use, as in `adapters/secrets.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pydantic import SecretStr

from harbor_operator.model.certificates import (
    AUTHORITY_LIFETIME,
    CLOCK_SKEW,
    LIFETIME,
    CertificateTools,
    KeyPair,
    ObservedCertificate,
)
from harbor_operator.model.hosts import parse_address

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

# ruff: noqa: PLC0415 - see the docstring of the module

_AUTHORITY_NAME = "harbor-operator internal TLS"


def make_authority(now: datetime) -> KeyPair:
    """Returns a certificate authority with an ECDSA key, valid for AUTHORITY_LIFETIME."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(_AUTHORITY_NAME)
    # No path below it: what it signs signs nothing.
    builder = _builder(key, now, AUTHORITY_LIFETIME).subject_name(subject).issuer_name(subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(is_authority=True), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    )
    return _signed(builder, key, key)


def issue_certificate(authority: KeyPair, names: Sequence[str], now: datetime) -> KeyPair:
    """Returns a new key and its certificate for a server and a client of these names, valid for LIFETIME."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    issuer, issuer_key = _certificate(authority), _key(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = [x509.IPAddress(ip_address(name)) if parse_address(name) else x509.DNSName(name) for name in names]
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(key, now, LIFETIME).subject_name(_name(_AUTHORITY_NAME)).issuer_name(issuer.subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(is_authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    return _signed(builder, key, issuer_key)


def read_certificate(pair: KeyPair, authority: KeyPair) -> ObservedCertificate | None:
    """Returns what the certificate says; None if it is unreadable, is not the key's, or is not the authority's."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        certificate, issuer = _certificate(pair), _certificate(authority)
        certificate.verify_directly_issued_by(issuer)
        if certificate.public_key() != _key(pair).public_key():
            return None
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [*extension.get_values_for_type(x509.DNSName), *extension.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        names = []
    except (InvalidSignature, TypeError, ValueError):
        return None
    return ObservedCertificate(
        certificate.not_valid_before_utc, certificate.not_valid_after_utc, frozenset(str(name) for name in names)
    )


def _certificate(pair: KeyPair) -> x509.Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificate(pair.certificate.get_secret_value().encode())


def _key(pair: KeyPair) -> ec.EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_private_key(pair.key.get_secret_value().encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not a key of this module")
    return key


def _builder(key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        # Python 3.13 and later refuse a certificate without key identifiers.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> KeyPair:
    from cryptography.hazmat.primitives import hashes, serialization

    certificate = builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(SecretStr(pem.decode()), SecretStr(certificate.decode()))


def _name(common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


CERTIFICATE_TOOLS = CertificateTools(make_authority, issue_certificate, read_certificate)
