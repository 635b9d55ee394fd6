"""A CA bundle is read as kubectl, libpq and Harbor read it."""

from __future__ import annotations

import asyncio
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from harbor_operator.adapters import tls
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.kube_api import ApiRequest, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.redis import RedisPyCache
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.api.backends import SslMode
from harbor_operator.model.cache import Address, RedisLogin
from harbor_operator.model.database import PostgresLogin, PostgresServer
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.storage import RgwEndpoint, SwiftAccount
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.tls_server import handshakes


class Chain:
    """A root, an intermediate and a server certificate for 'localhost', none with key identifiers."""

    def __init__(self, directory: Path) -> None:
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
        names = [
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("root", "intermediate", "server")
        ]
        now = datetime.now(UTC)
        self.pem: list[str] = []
        for number, (key, name) in enumerate(zip(keys, names, strict=True)):
            issuer = max(number - 1, 0)
            builder = x509.CertificateBuilder(
                names[issuer], name, key.public_key(), number + 1, now - timedelta(days=1), now + timedelta(days=1)
            )
            if number < 2:
                builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            else:
                builder = builder.add_extension(
                    x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
                )
            signed = builder.sign(keys[issuer], hashes.SHA256())
            self.pem.append(signed.public_bytes(serialization.Encoding.PEM).decode())
        self.root, self.intermediate, self.server = self.pem
        plain = serialization.NoEncryption()
        key_pem = keys[2].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        file = directory / "server.pem"
        file.write_bytes(self.server.encode() + self.intermediate.encode() + key_pem)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(file)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def _bundles(chain: Chain) -> dict[str, str]:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    return {
        "plain": chain.root,
        "comment in another script": f"# Zertifizierungsstelle Köln \u4e2d\u6587\n{chain.root}",
        "byte order mark": "\ufeff" + chain.root,
        "carriage returns": chain.root.replace("\n", "\r\n"),
        "other blocks": key + broken + chain.root,
        "twice": chain.root + chain.root,
        "intermediate": chain.intermediate,
        "the server itself": chain.server,
    }


async def test_every_bundle_that_others_accept_is_accepted(chain: Chain) -> None:
    with handshakes(chain.context) as port:
        for name, bundle in _bundles(chain).items():
            _, writer = await asyncio.open_connection("localhost", port, ssl=tls.ssl_context(bundle))
            assert writer.get_extra_info("ssl_object"), name
            writer.transport.abort()


async def test_another_authority_is_not_trusted(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with handshakes(chain.context) as port:
        for bundle in (Chain(tmp_path / "other").root, ""):
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("localhost", port, ssl=tls.ssl_context(bundle))


async def test_another_host_name_is_refused(chain: Chain) -> None:
    with handshakes(chain.context) as port, pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", port, ssl=tls.ssl_context(chain.root))


@pytest.mark.parametrize("flag", [ssl.VERIFY_X509_STRICT, 0])
def test_certificates_without_key_identifiers_are_accepted(monkeypatch: pytest.MonkeyPatch, flag: int) -> None:
    original = ssl.create_default_context

    def as_python_3_13(*arguments: object, **options: object) -> ssl.SSLContext:
        context = original(*arguments, **options)  # type: ignore[arg-type]
        context.verify_flags |= flag
        return context

    monkeypatch.setattr(ssl, "create_default_context", as_python_3_13)
    tls.ssl_context.cache_clear()
    context = tls.ssl_context("")
    tls.ssl_context.cache_clear()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN


async def test_the_api_server_may_lack_key_identifiers(chain: Chain) -> None:
    """Finding R17: kubectl accepts such certificates, and Python 3.13 refuses them by default."""
    bundles = [f"# K\u00f6ln\n{chain.root}", chain.intermediate]
    with handshakes(chain.context) as port:
        for bundle in bundles:
            connection = ClusterConnection(f"https://localhost:{port}", ca_data=bundle)
            async with KubernetesClient(connection) as client:
                with pytest.raises(Unavailable):  # the server closes after the handshake
                    await client.send_plain(ApiRequest("get", ResourceRef("v1", "namespaces", name="app")))
            context = connection.ssl_context()
            assert context
            assert not context.verify_flags & ssl.VERIFY_X509_STRICT


async def test_a_kubeconfig_without_a_certificate_authority_is_refused() -> None:
    with pytest.raises(Refused, match="not a PEM certificate"):
        ClusterConnection("https://localhost", ca_data="none").ssl_context()


@pytest.mark.parametrize("text", ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_bundle_without_a_certificate_is_invalid(text: str) -> None:
    with pytest.raises(tls.InvalidCaBundle):
        tls.ssl_context(text)


def test_a_ca_file_is_private_ascii_and_temporary(chain: Chain) -> None:
    with tls.ca_file(f"# Köln\n{chain.root}") as path:
        file = Path(path)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text(encoding="ascii").count("BEGIN CERTIFICATE") == 1
    assert not file.exists()


def test_without_a_bundle_the_file_is_that_of_the_system() -> None:
    with tls.ca_file("") as path:
        assert Path(path).exists()
    assert Path(path).exists()


async def test_every_client_reads_a_bundle_with_a_comment_in_another_script(chain: Chain) -> None:
    """Finding F6: the server closes after the handshake, so only an error about the certificate is a failure."""
    bundle = f"# Köln\n{chain.root}"
    with handshakes(chain.context) as port:
        url = f"https://localhost:{port}"
        account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr("k"), "swift", bundle)
        server = PostgresServer("localhost", port, SslMode.VERIFY_FULL, bundle)
        calls = [
            HttpRegistryProbe().read_v2_response(HarborEndpoint(url, bundle)),
            HttpRgwAdmin().read_user(RgwEndpoint(url, "a", SecretStr("s"), "rgw-admin", bundle), "x"),
            SwiftObjectStore().login(account),
            RedisPyCache().read(Address("localhost", port), RedisLogin(tls=True, ca=bundle)),
            PsycopgPostgres().try_login(server, PostgresLogin("x", SecretStr("x"), "Secret 'x'"), "postgres"),
        ]
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            assert not isinstance(answer, UnicodeError)
            assert isinstance(answer, Refused | Exception)
            assert getattr(answer, "reason", None) in {
                Reason.REGISTRY_UNREACHABLE,
                Reason.STORAGE_UNREACHABLE,
                Reason.CACHE_UNREACHABLE,
                Reason.DATABASE_UNREACHABLE,
            }
