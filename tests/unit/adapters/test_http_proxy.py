"""A proxy that answers CONNECT in an unexpected or hostile way."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from harbor_operator.adapters import harbor_http, harbor_probe, harbor_sessions, rgw_admin, swift
from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.http_proxy import ProxyRefusal, connected
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.adapters.tls import ssl_context
from harbor_operator.model.egress import Egress, Proxy, ProxyRules
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.storage import RgwEndpoint, SwiftAccount
from harbor_operator.ports import Refused, Unavailable
from tests.fakes.hostile import Attack, answering, attacking

DEADLINE_SECONDS = 0.4
GRACE_SECONDS = 3.0
MAX_PEAK_BYTES = 32 << 20
TARGET = "https://cr.example.test"
CALLS = ("harbor", "handshake", "rgw", "swift")


async def _call(name: str, egress: Egress, target: str = TARGET) -> object:
    key = SecretStr("key")
    match name:
        case "harbor":
            return await HttpHarbor(HarborHttp(egress)).read_system(HarborEndpoint(target))
        case "handshake":
            return await HttpRegistryProbe(HarborHttp(egress)).read_certificate(HarborEndpoint(target))
        case "rgw":
            return await HttpRgwAdmin(egress).read_user(RgwEndpoint(target, "a", key, "rgw"), "x")
        case _:
            return await SwiftObjectStore(egress).login(SwiftAccount(f"{target}/auth/v1.0", "u:s", key, "swift"))


def _through(url: str) -> Egress:
    return Egress(proxies=ProxyRules.parse(url, url, ""))


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (harbor_http, harbor_probe, harbor_sessions, rgw_admin, swift):
        monkeypatch.setattr(module, "DEADLINE_SECONDS", DEADLINE_SECONDS)


@pytest.mark.usefixtures("short_deadlines")
@pytest.mark.parametrize("attack", Attack)
@pytest.mark.parametrize("call", CALLS)
async def test_a_hostile_proxy_costs_little(call: str, attack: Attack) -> None:
    async with attacking(attack.answer) as server:
        await anext(attack.answer())  # a bomb is built before the measurement
        loop = asyncio.get_running_loop()
        started = loop.time()
        tracemalloc.start()
        try:
            with pytest.raises((Refused, Unavailable)):
                await _call(call, _through(server.url))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < MAX_PEAK_BYTES
    assert loop.time() - started < DEADLINE_SECONDS + GRACE_SECONDS
    (request,) = server.requests
    assert request.startswith(b"CONNECT cr.example.test:443 HTTP/1.")


@pytest.mark.parametrize("call", CALLS)
async def test_a_proxy_that_refuses_the_host_is_named(call: str) -> None:
    async with answering(403, "no") as server:
        with pytest.raises(Unavailable, match=r"the proxy '127\.0\.0\.1:\d+' refuses the connection \(HTTP 403\)"):
            await _call(call, _through(server.url))


@pytest.mark.parametrize("call", ["harbor", "rgw", "swift"])
async def test_a_proxy_that_requires_a_login_for_plain_http_is_named(call: str) -> None:
    async with answering(407, "no") as server:
        with pytest.raises(Unavailable, match=r"the proxy '127\.0\.0\.1:\d+' requires a login \(HTTP 407\)"):
            await _call(call, _through(server.url), "http://cr.example.test")
    assert b" http://cr.example.test/" in server.requests[0].partition(b"\r\n")[0]


@pytest.mark.parametrize("head", [b"no HTTP\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 20_000])
async def test_what_is_no_proxy_is_named(head: bytes) -> None:
    async def answer() -> AsyncIterator[bytes]:
        yield head

    async with attacking(answer) as server:
        with pytest.raises(ProxyRefusal, match="does not answer in HTTP"):
            async with connected(TARGET, ssl_context(""), Proxy.parse(f"127.0.0.1:{server.port}")):
                pass


@pytest.mark.parametrize(("login", "header"), [("", b""), ("us%3Aer:p%40ss@", b"dXM6ZXI6cEBzcw==")])
async def test_a_login_is_sent_to_the_proxy_only(login: str, header: bytes) -> None:
    async with answering(403, "") as server:
        proxy = Proxy.parse(f"http://{login}127.0.0.1:{server.port}")
        with pytest.raises(ProxyRefusal):
            async with connected("https://[fd00::1]:8443", ssl_context(""), proxy):
                pass
    head = server.requests[0]
    assert head.startswith(b"CONNECT [fd00::1]:8443 HTTP/1.1\r\nHost: [fd00::1]:8443\r\n")
    assert (b"Proxy-Authorization" in head) is bool(header)
    assert header in head
