"""The operator's own port: /livez, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Probe = Callable[[], str | None]
"""Returns what is wrong, or None."""


class HttpServer:
    """Serves probes and metrics on one port; `aclose` stops it."""

    def __init__(self, alive: Probe, ready: Probe, metrics: Callable[[], bytes]) -> None:
        app = web.Application()
        app.router.add_get("/livez", _answer(alive))
        app.router.add_get("/readyz", _answer(ready))
        app.router.add_get("/metrics", _metrics(metrics))
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self, host: str, port: int) -> int:
        """Listens and returns the port, which is a free one when `port` is 0."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def aclose(self) -> None:
        """Stops listening."""
        await self._runner.cleanup()


def _answer(probe: Probe) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        trouble = probe()
        return web.Response(text=(trouble or "ok") + "\n", status=503 if trouble else 200)

    return answer


def _metrics(collect: Callable[[], bytes]) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=collect(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return answer
