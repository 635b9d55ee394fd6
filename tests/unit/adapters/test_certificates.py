"""The certificates of internal TLS, checked by the TLS library of Python."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from pydantic import SecretStr

from harbor_operator.adapters.certificates import CERTIFICATE_TOOLS, issue_certificate, make_authority, read_certificate
from harbor_operator.model.certificates import AUTHORITY_LIFETIME, LIFETIME, KeyPair

NOW = datetime.now(UTC).replace(microsecond=0)
NAMES = ("cr-harbor-core", "cr-harbor-core.intra.svc", "127.0.0.1", "::1")


def handshake(server: KeyPair, trusted: str, host: str, tmp_path: Path) -> None:
    """Connects a client that trusts the bundle to a server with the certificate; raises ssl.SSLError."""
    files = tmp_path / "tls.crt", tmp_path / "tls.key"
    files[0].write_text(server.certificate.get_secret_value())
    files[1].write_text(server.key.get_secret_value())
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*files)
    asking = ssl.create_default_context(cadata=trusted)
    # The default of Python 3.13 and later: certificates without key identifiers are refused.
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        asking.wrap_bio(to_client, to_server, server_hostname=host),
        serving.wrap_bio(to_server, to_client, server_side=True),
    )
    waiting = list(ends)
    for _ in range(8):
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
        if not waiting:
            return
    raise AssertionError("the handshake did not end")


def text(pair: KeyPair) -> str:
    return pair.certificate.get_secret_value()


@pytest.mark.parametrize("host", NAMES)
def test_a_client_that_trusts_the_authority_accepts_each_name(host: str, tmp_path: Path) -> None:
    authority = make_authority(NOW)
    handshake(issue_certificate(authority, NAMES, NOW), text(authority), host, tmp_path)


def test_a_client_refuses_another_name_and_another_authority(tmp_path: Path) -> None:
    authority = make_authority(NOW)
    pair = issue_certificate(authority, NAMES, NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(pair, text(authority), "cr-harbor-registry", tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(pair, text(make_authority(NOW)), NAMES[0], tmp_path)


def test_a_bundle_of_two_authorities_accepts_the_certificates_of_both(tmp_path: Path) -> None:
    """Both authorities have one name: the key identifier tells them apart while one replaces the other."""
    earlier, later = make_authority(NOW), make_authority(NOW)
    for authority in (earlier, later):
        pair = issue_certificate(authority, NAMES, NOW)
        handshake(pair, text(later) + text(earlier), NAMES[0], tmp_path)


def test_a_certificate_cannot_sign_another_one(tmp_path: Path) -> None:
    authority = make_authority(NOW)
    leaf = issue_certificate(authority, NAMES, NOW)
    forged = issue_certificate(leaf, NAMES, NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(forged, text(authority) + text(leaf), NAMES[0], tmp_path)


def test_a_certificate_is_read_with_its_names_and_its_life() -> None:
    authority = make_authority(NOW)
    seen = read_certificate(issue_certificate(authority, NAMES, NOW), authority)
    assert seen
    assert seen.names == set(NAMES)
    assert seen.not_before < NOW
    assert seen.not_after == NOW + LIFETIME
    root = CERTIFICATE_TOOLS.read(authority, authority)
    assert root
    assert root.not_after == NOW + AUTHORITY_LIFETIME
    assert root.names == frozenset()


def test_a_certificate_of_another_authority_or_key_is_not_read() -> None:
    authority = make_authority(NOW)
    pair, other = (issue_certificate(authority, NAMES, NOW) for _ in range(2))
    assert read_certificate(pair, make_authority(NOW)) is None
    assert read_certificate(KeyPair(other.key, pair.certificate), authority) is None
    # An authority of another key has the same name: only the signature tells.
    assert read_certificate(KeyPair(make_authority(NOW).key, authority.certificate), authority) is None


@pytest.mark.parametrize("broken", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_not_read(broken: str) -> None:
    authority = make_authority(NOW)
    pair = issue_certificate(authority, NAMES, NOW)
    assert read_certificate(KeyPair(pair.key, SecretStr(broken)), authority) is None
    assert read_certificate(KeyPair(SecretStr(broken), pair.certificate), authority) is None
    assert read_certificate(pair, KeyPair(authority.key, SecretStr(broken))) is None


def test_no_private_key_is_printed() -> None:
    pair = make_authority(NOW)
    assert "PRIVATE" not in repr(pair)
    loaded = x509.load_pem_x509_certificate(text(pair).encode())
    assert loaded.not_valid_before_utc > NOW - timedelta(days=1)
