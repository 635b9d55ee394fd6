"""The RegistryProbe port over TLS: certificates, proxies and body limits with a real nginx."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.reachability import TlsFault
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from lab.certs import Authority
from lab.harbor.standalone import Standalone
from lab.nginx import Front, Site
from lab.process import LabError, Processes
from tests.tls_server import handshakes

MIB = 1 << 20
PROBE = HttpRegistryProbe()


@dataclass
class HarborFixture:
    """The stand-in behind a front whose certificate is for 'localhost' only."""

    front: Front
    standalone: Standalone
    ca: str

    def endpoint(self, ca: str | None = None) -> HarborEndpoint:
        login = Login("admin", SecretStr(self.standalone.admin_password))
        return HarborEndpoint(self.front.url, self.ca if ca is None else ca, login)


@pytest.fixture(scope="module")
def harbor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarborFixture]:
    directory = tmp_path_factory.mktemp("harbor-tls")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes = Processes(directory / "logs")
    authority = Authority.create(directory / "ca")
    try:
        standalone = Standalone.start(directory, processes, authority)
        site = Site(standalone.url, hosts=("localhost",))
        yield HarborFixture(Front.start(directory / "front", processes, authority, site), standalone, authority.ca_pem)
    except LabError as error:
        pytest.skip(f"the Harbor stand-in cannot run here: {error}")
    finally:
        processes.stop_all()


@pytest.mark.lab
async def test_a_trusted_certificate_has_names_and_an_end(harbor: HarborFixture) -> None:
    observed = await PROBE.read_certificate(harbor.endpoint())
    assert observed is not None
    assert observed.fault is None
    assert observed.names == ("localhost",)
    assert observed.not_after > datetime.now(UTC)


@pytest.mark.lab
async def test_a_certificate_of_an_unknown_authority_is_untrusted(harbor: HarborFixture) -> None:
    observed = await PROBE.read_certificate(harbor.endpoint(ca=""))
    assert observed is not None
    assert observed.fault is TlsFault.UNTRUSTED
    with pytest.raises(Refused) as refused:
        await PROBE.read_v2_response(harbor.endpoint(ca=""))
    assert refused.value.reason is Reason.CERTIFICATE_UNTRUSTED


@pytest.mark.lab
async def test_a_certificate_for_another_host_is_reported_with_its_names(harbor: HarborFixture) -> None:
    by_address = HarborEndpoint(harbor.front.url.replace("localhost", "127.0.0.1"), harbor.ca)
    observed = await PROBE.read_certificate(by_address)
    assert observed is not None
    assert observed.fault is TlsFault.HOST_MISMATCH
    assert observed.names == ("localhost",)


@pytest.mark.lab
async def test_the_challenge_names_a_token_service_elsewhere(harbor: HarborFixture) -> None:
    v2_response = await PROBE.read_v2_response(harbor.endpoint())
    # Harbor takes the scheme from its own external URL, and the host from a proxy that drops the port.
    assert 'realm="http://localhost/service/token"' in v2_response.challenge


@pytest.mark.lab
async def test_a_body_limit_is_reported_as_413_and_its_removal_as_202(harbor: HarborFixture) -> None:
    harbor.front.reconfigure(max_body="1m")
    observed = await PROBE.try_upload(harbor.endpoint(), "library/probe", 2 * MIB)
    assert (observed.started, observed.patched) == (413, None)
    harbor.front.reconfigure(max_body="0")
    mark = harbor.front.mark()
    observed = await PROBE.try_upload(harbor.endpoint(), "library/probe", 2 * MIB)
    assert (observed.started, observed.patched) == (202, 202)
    exchanges = [(request.method, request.status) for request in harbor.front.requests_since(mark)]
    assert exchanges[1:] == [("POST", 202), ("PATCH", 202), ("DELETE", 204)]


@pytest.mark.lab
async def test_no_data_of_an_upload_remains_in_storage(harbor: HarborFixture) -> None:
    await PROBE.try_upload(harbor.endpoint(), "library/probe", 2 * MIB)
    root = Path(harbor.standalone._directory) / "registry"
    left = [path for path in root.rglob("*") if path.is_file()]
    assert {path.parent.parent.name for path in left} <= {"hashstates"}
    assert all(path.stat().st_size < 1024 for path in left)


@pytest.mark.lab
async def test_a_harbor_that_is_gone_is_unavailable_through_its_front(harbor: HarborFixture) -> None:
    harbor.standalone.stop_core()
    try:
        with pytest.raises(Unavailable) as unavailable:
            await PROBE.read_health(harbor.endpoint())
        assert unavailable.value.reason is Reason.REGISTRY_UNREACHABLE
    finally:
        harbor.standalone.start_core()


@contextmanager
def _served_until(end: datetime, directory: Path) -> Iterator[HarborEndpoint]:
    """A TLS server whose self-signed certificate, which is its own CA, ends then."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, end - timedelta(days=90), end)
    addresses = [x509.IPAddress(ip_address(address)) for address in ("127.0.0.1", "fd00::1")]
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses, x509.RFC822Name("a@example.com")])
    pem = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    text = pem.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    file = directory / "server.pem"
    file.write_bytes(text + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    with handshakes(context) as port:
        yield HarborEndpoint(f"https://localhost:{port}", text.decode())


async def test_an_expired_certificate_is_reported_with_its_end(tmp_path: Path) -> None:
    end = datetime(2020, 2, 29, tzinfo=UTC)
    with _served_until(end, tmp_path) as endpoint:
        observed = await PROBE.read_certificate(endpoint)
    assert observed is not None
    assert (observed.fault, observed.not_after) == (TlsFault.EXPIRED, end)


async def test_a_server_certificate_can_be_its_own_ca(tmp_path: Path) -> None:
    with _served_until(datetime.now(UTC).replace(microsecond=0) + timedelta(days=5), tmp_path) as endpoint:
        observed = await PROBE.read_certificate(endpoint)
    assert observed is not None
    assert observed.fault is None


async def test_an_accepted_certificate_is_reported_as_a_refused_one_is(tmp_path: Path) -> None:
    """The first is decoded by the `ssl` module, the second by `cryptography`."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
    with _served_until(end, tmp_path) as endpoint:
        accepted = await PROBE.read_certificate(endpoint)
        refused = await PROBE.read_certificate(replace(endpoint, ca=""))
    assert accepted is not None
    assert refused is not None
    assert (accepted.fault, refused.fault) == (None, TlsFault.UNTRUSTED)
    assert accepted.names == refused.names == ("localhost", "127.0.0.1", "fd00::1")
    assert accepted.not_after == refused.not_after == end


async def test_a_ca_that_is_no_certificate_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        await PROBE.read_certificate(HarborEndpoint("https://localhost:1", "not a certificate"))
    assert refused.value.reason is Reason.SECRET_INVALID


async def test_plain_http_has_no_certificate() -> None:
    assert await PROBE.read_certificate(HarborEndpoint("http://localhost:1")) is None


async def test_a_handshake_without_a_server_is_unavailable() -> None:
    with pytest.raises(Unavailable) as unavailable:
        await PROBE.read_certificate(HarborEndpoint("https://127.0.0.1:1"))
    assert unavailable.value.reason is Reason.REGISTRY_UNREACHABLE
