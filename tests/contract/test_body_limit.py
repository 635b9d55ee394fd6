"""The limit for the body of a push, found by its announcement: a real nginx in front of the stand-in and a registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters import harbor_http
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.reachability import AnnouncedBody
from lab.certs import Authority
from lab.harbor.standalone import Standalone
from lab.nginx import Front, Site
from lab.process import LabError, Processes, wait_until

MIB = 1 << 20
GIB = 1 << 30
PROBE = HttpRegistryProbe()


@dataclass
class HarborFixture:
    """A Harbor, and what a front needs."""

    standalone: Standalone
    directory: Path
    processes: Processes
    authority: Authority

    def front(self, name: str, upstream: str = "", **site: str | bool) -> Front:
        options = Site(upstream or self.standalone.url, **site)  # type: ignore[arg-type]
        return Front.start(self.directory / name, self.processes, self.authority, options)

    def endpoint(self, url: str) -> HarborEndpoint:
        return HarborEndpoint(url, self.authority.ca_pem, Login("admin", SecretStr(self.standalone.admin_password)))

    def stored(self) -> list[Path]:
        return sorted((self.directory / "registry").rglob("*"))


@pytest.fixture(scope="module")
def harbor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarborFixture]:
    directory = tmp_path_factory.mktemp("body-limit")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes = Processes(directory / "logs")
    authority = Authority.create(directory / "ca")
    try:
        yield HarborFixture(Standalone.start(directory, processes, authority), directory, processes, authority)
    except LabError as error:
        pytest.skip(f"the Harbor stand-in cannot run here: {error}")
    finally:
        processes.stop_all()


@pytest.mark.lab
@pytest.mark.parametrize(
    ("max_body", "size", "expected"),
    [
        ("1m", 1 * MIB, AnnouncedBody.REACHED),
        ("1m", 2 * MIB, AnnouncedBody.REFUSED),
        ("1m", 8 * GIB, AnnouncedBody.REFUSED),
        ("100m", 16 * MIB, AnnouncedBody.REACHED),
        ("100m", 128 * MIB, AnnouncedBody.REFUSED),
        ("100m", 8 * GIB, AnnouncedBody.REFUSED),
        ("0", 8 * GIB, AnnouncedBody.REACHED),
    ],
)
async def test_a_limit_is_found_without_a_body(
    harbor: HarborFixture, max_body: str, size: int, expected: AnnouncedBody
) -> None:
    """Finding F3: a limit of 100 MB was taken for none."""
    front = harbor.front(f"limit-{max_body}-{size}", max_body=max_body)
    stored, mark = harbor.stored(), front.mark()
    assert await PROBE.announce_body(harbor.endpoint(front.url), size) is expected
    # nginx logs the request once it sees the end of the connection.
    await asyncio.to_thread(wait_until, lambda: bool(front.requests_since(mark)), "the request is logged", deadline=10)
    (request,) = front.requests_since(mark)
    assert (request.method, request.status) == ("PATCH", 413 if expected is AnnouncedBody.REFUSED else 401)
    assert harbor.stored() == stored


@pytest.mark.lab
async def test_a_limit_behind_the_first_proxy_is_found(harbor: HarborFixture) -> None:
    inner = harbor.front("inner", max_body="100m")
    outer = harbor.front("outer", inner.url)
    endpoint = harbor.endpoint(outer.url)
    assert await PROBE.announce_body(endpoint, 8 * GIB) is AnnouncedBody.REFUSED
    assert await PROBE.announce_body(endpoint, 16 * MIB) is AnnouncedBody.REACHED


@pytest.mark.lab
async def test_a_proxy_that_buffers_proves_only_itself(harbor: HarborFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harbor_http, "CONTINUE_SECONDS", 0.3)
    inner = harbor.front("hidden", max_body="100m")
    outer = harbor.front("buffering", inner.url, buffers_requests=True)
    mark = inner.mark()
    assert await PROBE.announce_body(harbor.endpoint(outer.url), 8 * GIB) is AnnouncedBody.INVITED
    assert inner.requests_since(mark) == []


@pytest.mark.lab
async def test_harbor_itself_has_no_limit(harbor: HarborFixture) -> None:
    assert await PROBE.announce_body(harbor.endpoint(harbor.standalone.url), 8 * GIB) is AnnouncedBody.REACHED


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[HarborEndpoint]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        with suppress(ConnectionError):
            body.extend(await reader.read())
        writer.transport.abort()
        ended.set()

    body, ended = bytearray(), asyncio.Event()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield HarborEndpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await asyncio.wait_for(ended.wait(), 5)
    assert body == b""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", AnnouncedBody.UNANSWERED),
        (b"HTTP/1.1 100 Continue\r\n\r\n", AnnouncedBody.INVITED),
        (b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", AnnouncedBody.UNANSWERED),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", AnnouncedBody.UNANSWERED),
        (b"HTTP/1.1 401 No\r\nWww-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n", AnnouncedBody.UNANSWERED),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", AnnouncedBody.REFUSED),
        (b"no HTTP\r\n\r\n", AnnouncedBody.UNANSWERED),
    ],
)
async def test_another_answer_or_none_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, expected: AnnouncedBody
) -> None:
    monkeypatch.setattr(harbor_http, "ANNOUNCE_SECONDS", 2.0)
    monkeypatch.setattr(harbor_http, "CONTINUE_SECONDS", 0.1)
    async with _answering(answer) as endpoint:
        assert await PROBE.announce_body(endpoint, 8 * GIB) is expected
