"""`python -m benchmarks.endpoint PORT CERT KEY`: a stub of Harbor's endpoint that accepts every login.

It implements only what the operator needs to see Harbor as reachable and the pull account as valid, so that only the
injector of the operator works during a measurement.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

ARGUMENT_COUNT = 3
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(port: int) -> web.Application:
    """Returns the stub as an application for this port."""
    app = web.Application()
    challenge = f'Bearer realm="https://localhost:{port}/service/token",service="harbor-registry"'

    async def v2(request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            return web.json_response({})
        return web.json_response({}, status=401, headers={"Www-Authenticate": challenge})

    app.router.add_get("/v2/", v2)
    app.router.add_get("/service/token", _answer({"token": "stub"}))
    app.router.add_get("/api/v2.0/health", _answer({"components": [{"name": "core", "status": "healthy"}]}))
    app.router.add_get("/api/v2.0/users/current", _answer({"username": "puller", "sysadmin_flag": False}))
    return app


def _answer(body: dict[str, object]) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body)

    return answer


def main() -> None:
    """Serves until SIGTERM."""
    if len(sys.argv) != ARGUMENT_COUNT + 1:
        raise SystemExit(__doc__)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    port = int(sys.argv[1])
    web.run_app(
        make_app(port),
        host="127.0.0.1",
        port=port,
        ssl_context=context,
        print=lambda *_: print("listening", flush=True),
    )


if __name__ == "__main__":
    main()
