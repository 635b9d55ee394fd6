"""A reverse proxy to the API server that injects faults: errors, lost requests, delays, lost answers, broken watches.

    async with FaultProxy.open(plane.url, plane.ca_path) as proxy:
        kubeconfig = proxy.kubeconfig(plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
        proxy.fault_mix = FaultMix(random.Random(7))   # from now on each request draws a fault
        proxy.fault_mix = None                         # no faults
        proxy.cut()                                    # closes every watch in the middle of the stream
        proxy.expire()                                 # ends every watch with 410 Expired, so clients list again
        with proxy.held("namespaces"): ...             # delays watch events of namespaces until the block ends

The proxy accepts plain HTTP on loopback and connects to the API server with TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Self

import aiohttp
import yaml
from aiohttp import web

from lab.addresses import HOST, join

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

FORWARDED_HEADERS = ("Authorization", "Content-Type", "Accept", "User-Agent")
EXPIRED = {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old"}
MAX_DELAY_SECONDS = 0.1


class Fault(Enum):
    """A fault of one request."""

    NONE = "the request is forwarded"
    LATE = "the request is forwarded after a delay"
    SLOW_DOWN = "429, the request is not forwarded"
    FAILED = "500, the request is not forwarded"
    LOST = "the connection closes before the request is forwarded"
    UNANSWERED = "the connection closes after the server has executed the request"


@dataclass(frozen=True)
class FaultMix:
    """The relative frequency of each fault, and the random source that draws them."""

    random: random.Random
    weights: dict[Fault, int] = field(
        default_factory=lambda: {
            Fault.NONE: 75,
            Fault.LATE: 8,
            Fault.SLOW_DOWN: 2,
            Fault.FAILED: 5,
            Fault.LOST: 5,
            Fault.UNANSWERED: 5,
        }
    )

    def draw(self) -> Fault:
        """Returns the fault of the next request."""
        return self.random.choices(list(self.weights), list(self.weights.values()))[0]


class _Watch:
    """One proxied watch; `end` stops it, with or without a final event."""

    def __init__(self, response: web.StreamResponse, request: web.Request) -> None:
        self._response = response
        self._request = request
        self._ended = asyncio.Event()
        self._final_event: bytes | None = None

    def end(self, final_event: bytes | None = None) -> None:
        self._final_event = final_event
        self._ended.set()

    async def forward(self, answer: aiohttp.ClientResponse, gate: asyncio.Event) -> None:
        """Forwards events until the server, the client or `end` stops the watch."""
        copying = asyncio.create_task(self._copy(answer, gate))
        ending = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({copying, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            copying.cancel()
            ending.cancel()
            await asyncio.gather(copying, ending, return_exceptions=True)
        if self._ended.is_set() and self._final_event is None:
            _abort(self._request)
        elif self._final_event:
            await self._response.write(self._final_event)

    async def _copy(self, answer: aiohttp.ClientResponse, gate: asyncio.Event) -> None:
        async for chunk in answer.content.iter_any():
            await gate.wait()
            await self._response.write(chunk)


class FaultProxy:
    """A running proxy; see the module's docstring for its use."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.fault_mix: FaultMix | None = None
        self._server = server
        self._session = session
        self._watches: set[_Watch] = set()
        self._gates: dict[str, asyncio.Event] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, server: str, ca_path: Path | None = None) -> AsyncIterator[Self]:
        """Runs a proxy, at first without faults, until the block ends."""
        tls = ssl.create_default_context(cafile=str(ca_path)) if ca_path else True
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as session:
            proxy = cls(server, session)
            app = web.Application(client_max_size=0)
            app.router.add_route("*", "/{path:.*}", proxy._handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, HOST, 0).start()
            proxy.url = f"http://{join(HOST, runner.addresses[0][1])}"
            try:
                yield proxy
            finally:
                proxy.cut()
                await runner.cleanup()

    def kubeconfig(self, direct: Path) -> Path:
        """Writes a copy of a kubeconfig that connects to the proxy as the same user."""
        config = yaml.safe_load(direct.read_text())
        config["clusters"][0]["cluster"]["server"] = self.url
        path = direct.with_suffix(".fault-proxy")
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return path

    def cut(self) -> None:
        """Closes the connection of every watch."""
        for watch in self._watches:
            watch.end()

    def expire(self) -> None:
        """Ends every watch with 410 Expired."""
        for watch in self._watches:
            watch.end(json.dumps({"type": "ERROR", "object": EXPIRED}).encode() + b"\n")

    @contextlib.contextmanager
    def held(self, resource: str) -> Iterator[None]:
        """Delays the watch events of one resource until the block ends."""
        self._gate(resource).clear()
        try:
            yield
        finally:
            self._gate(resource).set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = self.fault_mix.draw() if self.fault_mix else Fault.NONE
        if fault is Fault.SLOW_DOWN:
            return web.json_response({"kind": "Status", "code": 429}, status=429, headers={"Retry-After": "1"})
        if fault is Fault.FAILED:
            return web.json_response({"kind": "Status", "code": 500}, status=500)
        if fault is Fault.LOST:
            return _abort(request)
        if fault is Fault.LATE and self.fault_mix:
            await asyncio.sleep(self.fault_mix.random.uniform(0, MAX_DELAY_SECONDS))
        headers = {name: request.headers[name] for name in FORWARDED_HEADERS if name in request.headers}
        url = f"{self._server}{request.raw_path}"
        body = await request.read()
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            if "watch" in request.query and answer.ok:
                return await self._watch(request, answer)
            content = await answer.read()
        if fault is Fault.UNANSWERED:
            return _abort(request)
        return web.Response(body=content, status=answer.status, headers={"Content-Type": answer.content_type})

    async def _watch(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
        await response.prepare(request)
        watch = _Watch(response, request)
        self._watches.add(watch)
        try:
            await watch.forward(answer, self._gate(request.path.rsplit("/", 1)[-1]))
        finally:
            self._watches.discard(watch)
            if answer.connection is not None and answer.connection.transport is not None:
                # A graceful TLS close would wait for the server to finish the stream.
                answer.connection.transport.abort()
        return response

    def _gate(self, resource: str) -> asyncio.Event:
        if resource not in self._gates:
            self._gates[resource] = asyncio.Event()
            self._gates[resource].set()
        return self._gates[resource]


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
