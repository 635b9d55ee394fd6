"""The HTTP server of the process: /livez, /readyz and /metrics."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

ALL_ADDRESSES = "::"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Probe = Callable[[], str | None]
"""Returns the error, or None."""


class HttpServer:
    """Serves probes and metrics on one port; `aclose` stops it."""

    def __init__(self, liveness_error: Probe, readiness_error: Probe, metrics: Callable[[], bytes]) -> None:
        app = web.Application()
        app.router.add_get("/livez", _probe(liveness_error))
        app.router.add_get("/readyz", _probe(readiness_error))
        app.router.add_get("/metrics", _metrics(metrics))
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self, host: str, port: int) -> int:
        """Listens and returns the port, which is a free one when `port` is 0; `::` means every IPv4 and IPv6 address.

        Raises OSError when the address is in use or not one of this host.
        """
        await self._runner.setup()
        listener = listen(host, port)
        await web.SockSite(self._runner, listener).start()
        bound: int = listener.getsockname()[1]
        return bound

    async def aclose(self) -> None:
        """Stops listening."""
        await self._runner.cleanup()


def listen(host: str, port: int) -> socket.socket:
    """Returns a listening socket; for `::` one of both families, and of IPv4 alone where the kernel has no IPv6."""
    if host != ALL_ADDRESSES:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    if socket.has_dualstack_ipv6():
        return socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _probe(probe: Probe) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        error = probe()
        return web.Response(text=(error or "ok") + "\n", status=503 if error else 200)

    return answer


def _metrics(collect: Callable[[], bytes]) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=collect(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return answer
