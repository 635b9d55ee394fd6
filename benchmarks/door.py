"""`python -m benchmarks.door PORT CERT KEY`: a registry's front door that lets everybody in.

Just enough of Harbor for the operator to find it reachable and its pull account good, so that nothing but the injector
is at work while it is measured.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

ARGUMENTS = 3
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(port: int) -> web.Application:
    """The door as an application that is reached at this port."""
    app = web.Application()
    challenge = f'Bearer realm="https://localhost:{port}/service/token",service="harbor-registry"'

    async def entrance(request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            return web.json_response({})
        return web.json_response({}, status=401, headers={"Www-Authenticate": challenge})

    app.router.add_get("/v2/", entrance)
    app.router.add_get("/service/token", _answer({"token": "everybody"}))
    app.router.add_get("/api/v2.0/health", _answer({"components": [{"name": "core", "status": "healthy"}]}))
    app.router.add_get("/api/v2.0/users/current", _answer({"username": "puller", "sysadmin_flag": False}))
    return app


def _answer(body: dict[str, object]) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body)

    return answer


def main() -> None:
    """Serves until told to stop."""
    if len(sys.argv) != ARGUMENTS + 1:
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
