"""The operator's clients behind a real forward proxy that requires a login and knows names that they cannot resolve."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.model.egress import Egress, ProxyRules
from harbor_operator.model.harbor import HarborEndpoint, Identity, Login
from harbor_operator.model.reachability import AnnouncedBody, TlsFault
from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.model.storage import Container, ObjectPart, RgwEndpoint, SwiftAccount
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.s3_probe import S3Probe
from lab.addresses import HOST, join
from lab.ceph import Ceph
from lab.certs import Authority
from lab.forward_proxy import PASSWORD, USER, ForwardProxy
from lab.harbor.standalone import Standalone
from lab.nginx import Front, Site
from lab.process import Processes, free_port
from tests.contract.gateway import KEY
from tests.contract.s3_servers import desired_bucket

pytestmark = pytest.mark.lab

HARBOR = "cr.example.test"
STORE = "s3.example.test"
GIB = 1 << 30
ADDRESS = re.escape(join(HOST, 0)).removesuffix("0") + r"\d+"


@dataclass
class ProxyFixture:
    """Harbor and a gateway under names that only the proxy resolves."""

    proxy: ForwardProxy
    harbor: HarborEndpoint
    plain_harbor: HarborEndpoint
    account: SwiftAccount
    rgw: RgwEndpoint
    authority: Authority

    def egress(self, url: str = "", no_proxy: str = "") -> Egress:
        proxy = url or self.proxy.url
        return Egress(proxies=ProxyRules.parse(proxy, proxy, no_proxy))

    def calls(self, egress: Egress) -> dict[str, Callable[[], Awaitable[object]]]:
        http = HarborHttp(egress)
        return {
            "harbor": lambda: HttpHarbor(http).read_identity(self.harbor),
            "handshake": lambda: HttpRegistryProbe(http).read_certificate(self.harbor),
            "plain": lambda: HttpRegistryProbe(http).read_v2_response(self.plain_harbor),
            "rgw": lambda: HttpRgwAdmin(egress).read_user(self.rgw, "absent"),
            "swift": lambda: SwiftObjectStore(egress).login(self.account),
        }


CALLS = ("harbor", "handshake", "plain", "rgw", "swift")


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyFixture]:
    directory = tmp_path_factory.mktemp("proxies")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes = Processes(directory / "logs")
    authority = Authority.create(directory / "ca")
    try:
        yield _start(directory, processes, authority)
    finally:
        processes.stop_all()


def _start(directory: Path, processes: Processes, authority: Authority) -> ProxyFixture:
    standalone = Standalone.start(directory, processes, authority)
    port = free_port()
    ceph = Ceph.start(directory / "ceph", processes, swift_url=f"https://{STORE}:{port}")
    site = Site(ceph.rgw_url, hosts=(STORE,), host_header="$http_host")
    store = Front.start(directory / "store", processes, authority, site, port=port)
    front = Front.start(directory / "front", processes, authority, Site(standalone.url, hosts=(HARBOR,)))
    proxy = ForwardProxy(directory / "forward-proxy", processes, {HARBOR: HOST, STORE: HOST})
    username = ceph.create_swift_user("proxied", "swift", KEY)
    login = Login("admin", SecretStr(standalone.admin_password))
    return ProxyFixture(
        proxy,
        HarborEndpoint(front.url, authority.ca_pem, login),
        HarborEndpoint(f"http://{HARBOR}:{urlsplit(standalone.url).port}"),
        SwiftAccount(f"{store.url}/auth/v1.0", username, SecretStr(KEY), "swift", authority.ca_pem, "s3-ca"),
        RgwEndpoint(store.url, ceph.admin_access_key, SecretStr(ceph.admin_secret_key), "rgw", authority.ca_pem, "ca"),
        authority,
    )


async def test_every_client_uses_the_proxy(fixture: ProxyFixture) -> None:
    """Finding F8. The proxy resolves the names, tunnels TLS, and forwards plain HTTP."""
    mark = fixture.proxy.mark()
    results = {name: await call() for name, call in fixture.calls(fixture.egress()).items()}
    assert results["harbor"] is Identity.ADMIN
    assert results["rgw"] is None
    harbor, store = (urlsplit(url).netloc for url in (fixture.harbor.url, fixture.rgw.url))
    assert fixture.proxy.requests_since(mark) == [
        ("CONNECT", harbor),
        ("CONNECT", harbor),
        ("GET", f"{fixture.plain_harbor.url}/v2/"),
        ("CONNECT", store),
        ("CONNECT", store),
    ]


async def test_every_request_of_the_object_store_uses_the_proxy(fixture: ProxyFixture) -> None:
    store, mark = SwiftObjectStore(fixture.egress()), fixture.proxy.mark()
    container = Container(await store.login(fixture.account), "through-a-proxy")
    assert container.session.storage_url.startswith(fixture.rgw.url)
    await store.ensure_container(container)
    await store.write_generated(container, "chunk", 3 << 20)
    assert await store.list_objects(container, "", 10) == ["chunk"]
    await store.remove_objects(container, ["chunk"])
    assert await store.remove_container(container)
    assert len(fixture.proxy.requests_since(mark)) >= 6


async def test_every_request_of_an_s3_store_uses_the_proxy(fixture: ProxyFixture) -> None:
    rgw, store, mark = fixture.rgw, HttpS3Store(fixture.egress()), fixture.proxy.mark()
    account = S3Account(rgw.url, "us-east-1", rgw.access_key, rgw.secret_key, "s3", rgw.ca_pem)
    bucket = Bucket(account, "through-a-proxy-with-s3")
    await store.create_bucket(bucket)
    assert await S3Probe(store, bucket, desired_bucket(bucket, redirect=True)).run() is None
    assert await store.remove_bucket(bucket)
    observed = fixture.proxy.requests_since(mark)
    assert set(observed) == {("CONNECT", urlsplit(rgw.url).netloc)}
    assert len(observed) > 20


async def test_requests_of_a_copy_share_a_tunnel_through_the_proxy(fixture: ProxyFixture) -> None:
    rgw, s3, swift = fixture.rgw, HttpS3Store(fixture.egress()), SwiftObjectStore(fixture.egress())
    bucket = Bucket(
        S3Account(rgw.url, "us-east-1", rgw.access_key, rgw.secret_key, "s3", rgw.ca_pem), "through-a-tunnel"
    )
    await s3.create_bucket(bucket)
    container = Container(await swift.login(fixture.account), "through-a-tunnel-with-swift")
    await swift.ensure_container(container)
    await swift.write_object(container, "x", b"x", {})
    mark = fixture.proxy.mark()
    async with s3.persistent() as s3_reads, swift.persistent() as swift_reads:
        for _ in range(3):
            await s3_reads.write_object(bucket, "x", b"x", {})
            assert await s3_reads.read_range(bucket, "x", 0, 1) == ObjectPart(b"x", 1)
            assert await swift_reads.read_range(container, "x", 0, 1) == ObjectPart(b"x", 1)
    assert fixture.proxy.requests_since(mark) == [("CONNECT", urlsplit(rgw.url).netloc)] * 2
    await s3.remove_objects(bucket, ["x"])
    assert await s3.remove_bucket(bucket)
    await swift.remove_objects(container, ["x"])
    assert await swift.remove_container(container)


async def test_the_probe_sees_the_certificate_and_the_body_limit_through_the_proxy(fixture: ProxyFixture) -> None:
    probe = HttpRegistryProbe(HarborHttp(fixture.egress()))
    trusted = await probe.read_certificate(fixture.harbor)
    assert trusted is not None
    assert (trusted.names, trusted.fault) == ((HARBOR,), None)
    untrusted = await probe.read_certificate(replace(fixture.harbor, ca=""))
    assert untrusted is not None
    assert (untrusted.names, untrusted.fault) == ((HARBOR,), TlsFault.UNTRUSTED)
    assert await probe.announce_body(fixture.harbor, 8 * GIB) is AnnouncedBody.REACHED


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("no_proxy", ["*", ".example.test", f"{HARBOR},{STORE}", "example.test"])
async def test_a_host_of_no_proxy_is_reached_directly(fixture: ProxyFixture, call: str, no_proxy: str) -> None:
    """Only the proxy can resolve the name, so a direct connection fails."""
    mark = fixture.proxy.mark()
    with pytest.raises(Unavailable):
        await fixture.calls(fixture.egress(no_proxy=no_proxy))[call]()
    assert fixture.proxy.requests_since(mark) == []


@pytest.mark.parametrize("call", CALLS)
async def test_a_proxy_that_requires_a_login_is_named(fixture: ProxyFixture, call: str) -> None:
    with pytest.raises(Unavailable, match=rf"the proxy '{ADDRESS}' requires a login \(HTTP 407\)") as error:
        await fixture.calls(fixture.egress(fixture.proxy.url_without_login))[call]()
    assert error.value.reason in {Reason.REGISTRY_UNREACHABLE, Reason.STORAGE_UNREACHABLE}


@pytest.mark.parametrize("call", CALLS)
async def test_a_proxy_that_does_not_answer_is_named_without_its_login(fixture: ProxyFixture, call: str) -> None:
    closed = fixture.proxy.url.replace(str(fixture.proxy.port), str(free_port()))
    with pytest.raises(Unavailable, match=rf"the proxy '{ADDRESS}' does not answer: ") as error:
        await fixture.calls(fixture.egress(closed))[call]()
    assert PASSWORD not in f"{error.value!r} {error.value.__cause__!r} {error.value.__context__!r}"


@pytest.mark.parametrize("call", [call for call in CALLS if call != "plain"])
async def test_the_login_of_the_proxy_is_in_no_message(fixture: ProxyFixture, call: str) -> None:
    # Without a tunnel, tinyproxy answers a wrong login with 401, which looks like an answer of the server.
    wrong = fixture.proxy.url.replace(PASSWORD, "Wrong-pass-1")
    with pytest.raises((Unavailable, Refused)) as error:
        await fixture.calls(fixture.egress(wrong))[call]()
    assert "Wrong-pass-1" not in str(error.value)
    assert USER not in str(error.value)
