"""Charts as archives, and the servers that a chart can come from: a repository, a registry and a proxy in front."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import ssl
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web

from harbor_operator.adapters.chart_pull import ChartPuller
from harbor_operator.adapters.helm_charts import RemoteChart
from harbor_operator.model.release import DesiredRelease
from harbor_operator.ports import Refused, Unavailable
from lab.certs import Authority
from tests.fakes.helm import DESIRED_RELEASE

USER, PASSWORD = "ci", "hush-hush-password"
DESIRED = replace(DESIRED_RELEASE, repository="")
METADATA = {"apiVersion": "v2", "name": "harbor", "version": "1.19.1", "appVersion": "2.15.1"}


def archive(files: dict[str, str] | None = None, version: str = "1.19.1") -> bytes:
    """A chart without templates, or with these files; the same bytes each time."""
    texts = {"Chart.yaml": json.dumps(METADATA | {"version": version}), "values.yaml": "{}", **(files or {})}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in texts.items():
            member = tarfile.TarInfo(f"harbor/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


def write_archive(folder: Path) -> Path:
    """Writes the chart without templates as `chart.tgz`."""
    path = folder / "chart.tgz"
    path.write_bytes(archive())
    return path


def index(url: str, digest: str = "") -> bytes:
    """An index with one version of one chart, whose archive is at the URL."""
    entry = {**METADATA, "urls": [url], "created": "2026-01-01T00:00:00Z", **({"digest": digest} if digest else {})}
    return json.dumps({"apiVersion": "v1", "entries": {"harbor": [entry]}}).encode()


@dataclass
class ChartRepository:
    """What a chart repository serves, and the requests that it got: path and Authorization header."""

    contents: dict[str, bytes]
    is_private: bool = True
    port: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)

    def url(self, host: str = "localhost") -> str:
        return f"https://{host}:{self.port}"

    async def answer(self, request: web.BaseRequest) -> web.Response:
        given = request.headers.get("Authorization", "")
        self.requests.append((request.path, given))
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.is_private and given != expected:
            # An unkind server repeats the login that it got.
            return web.Response(status=401, reason=f"Unauthorized {given}")
        content = self.contents.get(request.path)
        return web.Response(body=content) if content is not None else web.Response(status=404)


@asynccontextmanager
async def serving(repository: ChartRepository, authority: Authority) -> AsyncIterator[ChartRepository]:
    """Serves the repository over TLS on loopback, also under the name charts.example.com."""
    issued = authority.issue("charts", hosts=("localhost", "127.0.0.1", "charts.example.com"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert_path, issued.key_path)
    runner = web.ServerRunner(web.Server(repository.answer), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    repository.port = runner.addresses[0][1]
    try:
        yield repository
    finally:
        await runner.cleanup()


@dataclass
class ConnectProxy:
    """An HTTP proxy that leads every tunnel to loopback; `targets` are the hosts and ports that were asked for."""

    port: int = 0
    targets: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.tasks.add(task)
        writers = [writer]
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = head.split()[1]
            self.targets.append(target)
            there, back = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
            writers.append(back)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        for opened in writers:
            opened.close()


@asynccontextmanager
async def proxying() -> AsyncIterator[ConnectProxy]:
    """Runs the proxy on loopback."""
    proxy = ConnectProxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
        for task in proxy.tasks:
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


def ignore(_child: asyncio.subprocess.Process) -> None:
    """No one looks at the processes."""


async def refusal(puller: ChartPuller, chart: RemoteChart, desired: DesiredRelease) -> Unavailable | Refused:
    """The error with which a pull ends."""
    with pytest.raises((Unavailable, Refused)) as caught:
        await puller.pull(chart, desired, ignore)
    assert isinstance(caught.value, Unavailable | Refused)
    return caught.value
