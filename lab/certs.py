"""A small certificate authority for the servers of the lab."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.addresses import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VALID_FOR = timedelta(days=30)
CLOCK_SKEW = timedelta(minutes=10)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM files."""

    cert_path: Path
    key_path: Path


class Authority:
    """A certificate authority with its files in one directory."""

    def __init__(self, directory: Path, cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.directory = directory
        self._cert = cert
        self._key = key

    @classmethod
    def create(cls, directory: Path) -> Authority:
        """Creates an authority with its certificate in `directory`; its key stays in memory."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("harbor-operator-lab CA", ())
        cert = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls._stored(directory, cert, key)

    def intermediate(self, directory: Path) -> Authority:
        """Creates an authority whose certificate this one signs; servers must send that certificate to clients."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("harbor-operator-lab intermediate CA", ())
        cert = (
            _builder(name, self._cert.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return self._stored(directory, cert, key)

    @classmethod
    def load(cls, directory: Path, cert_pem: bytes, key_pem: bytes) -> Authority:
        """Returns an authority that exists elsewhere, with a copy of its certificate in `directory`."""
        key = load_pem_private_key(key_pem, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls._stored(directory, x509.load_pem_x509_certificate(cert_pem), key)

    @classmethod
    def _stored(cls, directory: Path, cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Authority:
        authority = cls(directory, cert, key)
        authority.ca_dir.mkdir(parents=True, exist_ok=True)
        authority.ca_path.write_text(authority.ca_pem)
        return authority

    @property
    def ca_dir(self) -> Path:
        """A directory with the authority's certificate only, as skopeo and containerd require."""
        return self.directory / "ca"

    @property
    def ca_path(self) -> Path:
        """The file with the authority's certificate."""
        return self.ca_dir / "ca.crt"

    @property
    def ca_pem(self) -> str:
        """The authority's certificate as PEM."""
        return self._cert.public_bytes(Encoding.PEM).decode()

    def issue(self, name: str, *, hosts: Sequence[str] = NAMES, valid_for: timedelta = VALID_FOR) -> Issued:
        """Issues a server certificate for `hosts` (names or addresses) as `NAME.crt` and `NAME.key`."""
        return self._sign(name, _name(name, ()), hosts, valid_for)

    def client(self, common_name: str, organizations: Sequence[str] = ()) -> Issued:
        """Issues a client certificate for `common_name` in `organizations`."""
        return self._sign(f"client-{common_name.replace(':', '-')}", _name(common_name, organizations), ())

    def _sign(
        self, file_name: str, subject: x509.Name, hosts: Sequence[str], valid_for: timedelta = VALID_FOR
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] if hosts else []
        builder = (
            _builder(subject, self._cert.subject, key.public_key(), valid_for)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([*usages, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_host, hosts))), critical=False)
        cert = builder.sign(self._key, hashes.SHA256())
        issued = Issued(self.directory / f"{file_name}.crt", self.directory / f"{file_name}.key")
        issued.cert_path.write_bytes(cert.public_bytes(Encoding.PEM))
        issued.key_path.touch(mode=0o600)
        issued.key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return issued


def _name(common_name: str, organizations: Sequence[str]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, item) for item in organizations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, valid_for: timedelta = VALID_FOR
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
