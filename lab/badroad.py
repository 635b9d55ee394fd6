"""A bad road to the API server: requests are refused, lost, delayed or answered into the void, and watches break off.

    async with BadRoad.open(plane.url, plane.ca_path) as road:
        kubeconfig = road.kubeconfig(plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
        road.luck = Luck(random.Random(7))      # from here on every request takes its chance
        road.luck = None                        # the road is good again
        road.cut()                              # every watch breaks off in the middle
        road.expire()                           # every watch is told that the history is gone (410), so all list again
        with road.held("namespaces"): ...       # no news of namespaces meanwhile; it comes afterwards

It speaks plain HTTP on loopback, because that is where it stands; the API server is asked through TLS as ever.
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

CARRIED = ("Authorization", "Content-Type", "Accept", "User-Agent")
EXPIRED = {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old"}
MOST_LATE = 0.1


class Fault(Enum):
    """What may happen to a request."""

    NONE = "it is carried there and back"
    LATE = "it is carried, and takes its time"
    SLOW_DOWN = "429: it never reaches the server"
    FAILED = "500: it never reaches the server"
    LOST = "the connection breaks before it reaches the server"
    UNANSWERED = "the connection breaks after the server has done it"


@dataclass(frozen=True)
class Luck:
    """Draws a fault for each request."""

    chance: random.Random
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
        """Returns what happens next."""
        return self.chance.choices(list(self.weights), list(self.weights.values()))[0]


class _Watch:
    """One watch on its way through; `end` stops it, abruptly or with a last word."""

    def __init__(self, response: web.StreamResponse, request: web.Request) -> None:
        self._response = response
        self._request = request
        self._ended = asyncio.Event()
        self._last_word: bytes | None = None

    def end(self, last_word: bytes | None = None) -> None:
        self._last_word = last_word
        self._ended.set()

    async def pump(self, answer: aiohttp.ClientResponse, gate: asyncio.Event) -> None:
        """Carries what comes until the server, the client or `end` ends it."""
        carrying = asyncio.create_task(self._carry(answer, gate))
        ending = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({carrying, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            carrying.cancel()
            ending.cancel()
            await asyncio.gather(carrying, ending, return_exceptions=True)
        if self._ended.is_set() and self._last_word is None:
            _hang_up(self._request)
        elif self._last_word:
            await self._response.write(self._last_word)

    async def _carry(self, answer: aiohttp.ClientResponse, gate: asyncio.Event) -> None:
        async for chunk in answer.content.iter_any():
            await gate.wait()
            await self._response.write(chunk)


class BadRoad:
    """See the module's docstring."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.luck: Luck | None = None
        self._server = server
        self._session = session
        self._watches: set[_Watch] = set()
        self._gates: dict[str, asyncio.Event] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, server: str, ca_path: Path | None = None) -> AsyncIterator[Self]:
        """A good road at first, for as long as the block lasts."""
        tls = ssl.create_default_context(cafile=str(ca_path)) if ca_path else True
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as session:
            road = cls(server, session)
            app = web.Application(client_max_size=0)
            app.router.add_route("*", "/{path:.*}", road._handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            road.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield road
            finally:
                road.cut()
                await runner.cleanup()

    def kubeconfig(self, direct: Path) -> Path:
        """A kubeconfig for the same user, who now comes along this road."""
        config = yaml.safe_load(direct.read_text())
        config["clusters"][0]["cluster"]["server"] = self.url
        path = direct.with_suffix(".badroad")
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        return path

    def cut(self) -> None:
        """Breaks every watch off in the middle."""
        for watch in self._watches:
            watch.end()

    def expire(self) -> None:
        """Tells every watch that the history is gone."""
        for watch in self._watches:
            watch.end(json.dumps({"type": "ERROR", "object": EXPIRED}).encode() + b"\n")

    @contextlib.contextmanager
    def held(self, resource: str) -> Iterator[None]:
        """Holds the news of one kind back."""
        self._gate(resource).clear()
        try:
            yield
        finally:
            self._gate(resource).set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = self.luck.draw() if self.luck else Fault.NONE
        if fault is Fault.SLOW_DOWN:
            return web.json_response({"kind": "Status", "code": 429}, status=429, headers={"Retry-After": "1"})
        if fault is Fault.FAILED:
            return web.json_response({"kind": "Status", "code": 500}, status=500)
        if fault is Fault.LOST:
            return _hang_up(request)
        if fault is Fault.LATE and self.luck:
            await asyncio.sleep(self.luck.chance.uniform(0, MOST_LATE))
        headers = {name: request.headers[name] for name in CARRIED if name in request.headers}
        url = f"{self._server}{request.raw_path}"
        body = await request.read()
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            if "watch" in request.query and answer.ok:
                return await self._watch(request, answer)
            content = await answer.read()
        if fault is Fault.UNANSWERED:
            return _hang_up(request)
        return web.Response(body=content, status=answer.status, headers={"Content-Type": answer.content_type})

    async def _watch(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
        await response.prepare(request)
        watch = _Watch(response, request)
        self._watches.add(watch)
        try:
            await watch.pump(answer, self._gate(request.path.rsplit("/", 1)[-1]))
        finally:
            self._watches.discard(watch)
            if answer.connection is not None and answer.connection.transport is not None:
                answer.connection.transport.abort()  # the server would go on talking through a polite farewell
        return response

    def _gate(self, resource: str) -> asyncio.Event:
        if resource not in self._gates:
            self._gates[resource] = asyncio.Event()
            self._gates[resource].set()
        return self._gates[resource]


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
