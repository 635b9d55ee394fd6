"""The client against a server in this process that gives the answer a test prepared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from harbor_operator.adapters.http_headers import MAX_RETRY_AFTER_SECONDS
from harbor_operator.adapters.kube_api import (
    ApiError,
    ApiRequest,
    Conflict,
    Expired,
    Invalid,
    NotFound,
    RequestBody,
    ResourceRef,
    apply_params,
)
from harbor_operator.adapters.kube_client import RENEWAL_RETRY_SECONDS, ClientOptions, KubernetesClient
from harbor_operator.adapters.kube_connection import TOKEN_LIFETIME_SECONDS, ClusterConnection
from harbor_operator.adapters.kube_objects import OBJECTS
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

SECRET = ResourceRef("v1", "secrets", "app", "harbor-pull")
READ = ApiRequest("get", SECRET)
WATCH = ApiRequest("watch", ResourceRef("v1", "secrets"))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers with `handler` and keeps what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.handler: Handler = self._empty

    def answers(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            return web.json_response(body, status=status, headers=headers)

        self.handler = handler

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        return await self.handler(request)

    async def _empty(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[KubernetesClient]:
    async with KubernetesClient(ClusterConnection(server.url)) as client:
        yield client


async def test_an_apply_carries_the_field_manager_and_its_media_type(server: Server, client: KubernetesClient) -> None:
    server.answers(201, {"kind": "Secret"})
    body = RequestBody.apply({"kind": "Secret"})
    request = ApiRequest("patch", SECRET, apply_params("us"), body)
    assert await client.send_plain(request) == {"kind": "Secret"}
    received = server.requests[0]
    assert (received.method, received.path) == ("PATCH", "/api/v1/namespaces/app/secrets/harbor-pull")
    assert received.headers["Content-Type"] == "application/apply-patch+yaml"
    assert dict(received.query) == {"fieldManager": "us", "force": "true"}
    assert json.loads(server.bodies[0]) == {"kind": "Secret"}


@pytest.mark.parametrize(("code", "kind"), [(404, NotFound), (409, Conflict), (410, Expired), (422, Invalid)])
async def test_expected_errors_are_values(
    server: Server, client: KubernetesClient, code: int, kind: type[ApiError]
) -> None:
    server.answers(code, {"message": "the server's words"})
    answer = await client.send_plain(ApiRequest("get", ResourceRef("v1", "pods", "app", "x")))
    assert isinstance(answer, kind)
    assert answer.message == "the server's words"


async def test_missing_right_is_named(server: Server, client: KubernetesClient) -> None:
    server.answers(403, {"message": 'secrets "harbor-pull" is forbidden: User "us" cannot patch resource'})
    with pytest.raises(Refused) as caught:
        await client.send_plain(ApiRequest("patch", SECRET, body=RequestBody.merge_patch({})))
    assert caught.value.reason is Reason.RIGHTS_MISSING
    assert "`patch` secrets 'harbor-pull' in namespace 'app'" in str(caught.value)
    assert 'User "us"' in str(caught.value)


async def test_terminating_namespace_is_no_missing_right(server: Server, client: KubernetesClient) -> None:
    server.answers(403, {"message": "...", "details": {"causes": [{"reason": "NamespaceTerminating"}]}})
    assert isinstance(await client.send_plain(ApiRequest("patch", SECRET, body=RequestBody.apply({}))), NotFound)


async def test_request_to_slow_down_carries_the_delay(server: Server, client: KubernetesClient) -> None:
    server.answers(429, {}, {"Retry-After": "3"})
    with pytest.raises(Unavailable) as caught:
        await client.send_plain(READ)
    assert caught.value.retry_after == 3.0


@pytest.mark.parametrize("code", [429, 503])
async def test_a_long_delay_is_bounded(server: Server, client: KubernetesClient, code: int) -> None:
    """Finding R15."""
    server.answers(code, {}, {"Retry-After": "3600"})
    with pytest.raises(Unavailable) as caught:
        await client.send_plain(READ)
    assert caught.value.retry_after == MAX_RETRY_AFTER_SECONDS


@pytest.mark.parametrize("code", [500, 503, 302])
async def test_trouble_of_the_server_is_unavailable(server: Server, client: KubernetesClient, code: int) -> None:
    server.answers(code, ["not an object"])
    with pytest.raises(Unavailable):
        await client.send_plain(READ)


async def test_content_of_a_secret_is_in_no_message(server: Server, client: KubernetesClient) -> None:
    echo = {"message": "Invalid value: s3cr3t", "reason": "Invalid", "details": {"causes": [{"field": "data"}]}}
    server.answers(422, echo)
    patch = ApiRequest("patch", SECRET, body=RequestBody.apply({"data": {"x": "s3cr3t"}}))
    answer = await client.send_plain(patch)
    assert isinstance(answer, Invalid)
    assert answer.message == "Invalid `data`"
    server.answers(400, echo)
    with pytest.raises(Refused) as caught:
        await client.send_plain(patch)
    assert "s3cr3t" not in str(caught.value)


async def test_silence_ends_at_the_deadline(server: Server, client: KubernetesClient) -> None:
    never = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    server.handler = silent
    with pytest.raises(Unavailable, match="did not answer"):
        await client.send_plain(ApiRequest("get", SECRET, timeout_seconds=0.05))
    never.set()


async def test_an_unreachable_server_is_unavailable() -> None:
    async with KubernetesClient(ClusterConnection("http://127.0.0.1:1")) as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await client.send_plain(READ)


def renewable(server: Server, token: Path) -> ClusterConnection:
    """A connection whose token is in a file, as in a pod."""
    return ClusterConnection(
        server.url,
        SecretStr(f"Bearer {token.read_text().strip()}"),
        valid_seconds=TOKEN_LIFETIME_SECONDS,
        reload=lambda: renewable(server, token),
    )


def sent_tokens(server: Server) -> list[str]:
    return [request.headers["Authorization"] for request in server.requests]


async def test_a_token_is_read_again_when_it_is_old_or_rejected(server: Server, tmp_path: Path) -> None:
    now = [0.0]
    token = tmp_path / "token"
    token.write_text("one\n")
    async with KubernetesClient(renewable(server, token), ClientOptions(clock=lambda: now[0])) as client:
        await client.send_plain(READ)
        token.write_text("two\n")
        await client.send_plain(READ)
        now[0] = 61.0
        await client.send_plain(READ)
        token.write_text("three\n")
        server.answers(401, {})
        with pytest.raises(Unavailable, match="credential"):
            await client.send_plain(READ)
        server.answers(200, {})
        await client.send_plain(READ)
    assert sent_tokens(server) == ["Bearer one", "Bearer one", "Bearer two", "Bearer two", "Bearer three"]


async def test_a_credential_that_cannot_be_renewed_stays_in_use_for_a_while(server: Server, tmp_path: Path) -> None:
    now = [0.0]
    token = tmp_path / "token"
    token.write_text("one\n")
    async with KubernetesClient(renewable(server, token), ClientOptions(clock=lambda: now[0])) as client:
        token.unlink()
        now[0] = TOKEN_LIFETIME_SECONDS
        await client.send_plain(READ)
        token.write_text("two\n")
        await client.send_plain(READ)
        now[0] += RENEWAL_RETRY_SECONDS
        await client.send_plain(READ)
    assert sent_tokens(server) == ["Bearer one", "Bearer one", "Bearer two"]


async def test_a_new_address_or_certificate_opens_a_new_session(server: Server) -> None:
    moved = ClusterConnection(server.url)
    old = ClusterConnection("http://127.0.0.1:1", valid_seconds=0.0, reload=lambda: moved)
    async with KubernetesClient(old) as client:
        assert await client.send_plain(READ) == {}


async def test_requests_go_through_the_proxy_of_the_connection(server: Server) -> None:
    async with KubernetesClient(ClusterConnection("http://api.example:6443", proxy_url=server.url)) as client:
        assert await client.send_plain(READ) == {}
    assert server.requests[0].headers["Host"] == "api.example:6443"


async def test_every_request_is_counted(server: Server) -> None:
    counted: list[tuple[str, str, int]] = []
    options = ClientOptions(count=lambda verb, resource, code: counted.append((verb, resource, code)))
    async with KubernetesClient(ClusterConnection(server.url), options) as client:
        await client.send_plain(READ)
        await client.send(ApiRequest("list", ResourceRef("v1", "secrets"), {"limit": "1"}), OBJECTS.page)
        async with client.watch(ApiRequest("watch", ResourceRef("v1", "namespaces"))) as lines:
            assert not isinstance(lines, NotFound)
    assert counted == [("get", "secrets", 200), ("list", "secrets", 200), ("watch", "namespaces", 200)]


@pytest.mark.parametrize(
    ("message", "forbidden"),
    [
        ('secrets "harbor-pull" is forbidden: User "us" cannot patch resource', [("patch", "secrets")]),
        ('secrets "harbor-pull" is forbidden: exceeded quota: small, requested: secrets=1', []),
        ('admission webhook "no.example.com" denied the request: no', []),
    ],
)
async def test_only_a_missing_right_is_forbidden(server: Server, message: str, forbidden: list[object]) -> None:
    server.answers(403, {"message": message})
    counted: list[tuple[str, ...]] = []
    options = ClientOptions(count_forbidden=lambda *request: counted.append(request))
    async with KubernetesClient(ClusterConnection(server.url), options) as client:
        with pytest.raises(Refused):
            await client.send_plain(ApiRequest("patch", SECRET, body=RequestBody.apply({})))
    assert counted == forbidden


async def test_watch_yields_lines_however_they_are_cut(server: Server, client: KubernetesClient) -> None:
    long = b'{"long":"' + b"x" * 200_000 + b'"}'

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"a"', b':1}\n{"b":2}\n', long[:1000], long[1000:], b"\n"):
            await response.write(piece)
        return response

    server.handler = stream
    async with client.watch(WATCH) as lines:
        assert not isinstance(lines, ApiError)
        assert [line async for line in lines] == [b'{"a":1}', b'{"b":2}', long]
    assert server.requests[0].query["watch"] == "1"


async def test_silent_watch_ends_as_unavailable(server: Server, client: KubernetesClient) -> None:
    never = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await never.wait()
        return response

    server.handler = silent

    async def listen() -> None:
        async with client.watch(WATCH, idle_seconds=0.05) as lines:
            assert not isinstance(lines, ApiError)
            async for _ in lines:
                pytest.fail("nothing was sent")

    with pytest.raises(Unavailable):
        await listen()
    never.set()
