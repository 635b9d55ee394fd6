"""The thin client against a server in this process that answers what a test tells it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from harbor_operator.adapters.kube_api import (
    ApiError,
    Conflict,
    Expired,
    Invalid,
    NotFound,
    RequestBody,
    apply_params,
    parse_resource,
)
from harbor_operator.adapters.kube_client import ClientOptions, KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection, from_kubeconfig, in_cluster
from harbor_operator.adapters.kube_objects import OBJECTS
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

SECRET_PATH = "/api/v1/namespaces/app/secrets/harbor-pull"
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
async def http(server: Server) -> AsyncIterator[KubernetesClient]:
    async with KubernetesClient(ClusterConnection(server.url)) as http:
        yield http


async def test_apply_says_who_writes_and_how(server: Server, http: KubernetesClient) -> None:
    server.answers(201, {"kind": "Secret"})
    body = RequestBody.apply({"kind": "Secret"})
    assert await http.request("PATCH", SECRET_PATH, params=apply_params("us"), body=body) == {"kind": "Secret"}
    request = server.requests[0]
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert dict(request.query) == {"fieldManager": "us", "force": "true"}
    assert json.loads(server.bodies[0]) == {"kind": "Secret"}


@pytest.mark.parametrize(("code", "kind"), [(404, NotFound), (409, Conflict), (410, Expired), (422, Invalid)])
async def test_expected_noes_are_values(
    server: Server, http: KubernetesClient, code: int, kind: type[ApiError]
) -> None:
    server.answers(code, {"message": "the server's words"})
    answer = await http.request("GET", "/api/v1/namespaces/app/pods/x")
    assert isinstance(answer, kind)
    assert answer.message == "the server's words"


async def test_missing_right_is_named(server: Server, http: KubernetesClient) -> None:
    server.answers(403, {"message": 'secrets "harbor-pull" is forbidden: User "us" cannot patch resource'})
    with pytest.raises(Refused) as caught:
        await http.request("PATCH", SECRET_PATH, body=RequestBody.merge_patch({}))
    assert caught.value.reason is Reason.RIGHTS_MISSING
    assert "`patch` secrets 'harbor-pull' in namespace 'app'" in str(caught.value)
    assert 'User "us"' in str(caught.value)


async def test_terminating_namespace_is_no_missing_right(server: Server, http: KubernetesClient) -> None:
    server.answers(403, {"message": "...", "details": {"causes": [{"reason": "NamespaceTerminating"}]}})
    assert isinstance(await http.request("PATCH", SECRET_PATH, body=RequestBody.apply({})), NotFound)


async def test_request_to_slow_down_carries_the_delay(server: Server, http: KubernetesClient) -> None:
    server.answers(429, {}, {"Retry-After": "3"})
    with pytest.raises(Unavailable) as caught:
        await http.request("GET", SECRET_PATH)
    assert caught.value.retry_after == 3.0


@pytest.mark.parametrize("code", [500, 503, 302])
async def test_trouble_of_the_server_is_unavailable(server: Server, http: KubernetesClient, code: int) -> None:
    server.answers(code, ["not an object"])
    with pytest.raises(Unavailable):
        await http.request("GET", SECRET_PATH)


async def test_content_of_a_secret_is_in_no_message(server: Server, http: KubernetesClient) -> None:
    echo = {"message": "Invalid value: s3cr3t", "reason": "Invalid", "details": {"causes": [{"field": "data"}]}}
    server.answers(422, echo)
    answer = await http.request("PATCH", SECRET_PATH, body=RequestBody.apply({"data": {"x": "s3cr3t"}}))
    assert isinstance(answer, Invalid)
    assert answer.message == "Invalid `data`"
    server.answers(400, echo)
    with pytest.raises(Refused) as caught:
        await http.request("PATCH", SECRET_PATH, body=RequestBody.apply({"data": {"x": "s3cr3t"}}))
    assert "s3cr3t" not in str(caught.value)


async def test_silence_ends_at_the_deadline(server: Server, http: KubernetesClient) -> None:
    never = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    server.handler = silent
    with pytest.raises(Unavailable, match="did not answer"):
        await http.request("GET", SECRET_PATH, deadline=0.05)
    never.set()


async def test_nobody_there_is_unavailable() -> None:
    async with KubernetesClient(ClusterConnection("http://127.0.0.1:1")) as http:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await http.request("GET", SECRET_PATH)


async def test_token_is_read_again_when_it_is_old_or_refused(server: Server, tmp_path: Path) -> None:
    now = [0.0]
    token = tmp_path / "token"
    token.write_text("one\n")
    info = ClusterConnection(server.url, token_path=token)
    async with KubernetesClient(info, ClientOptions(clock=lambda: now[0])) as http:
        await http.request("GET", SECRET_PATH)
        token.write_text("two\n")
        await http.request("GET", SECRET_PATH)
        now[0] = 61.0
        await http.request("GET", SECRET_PATH)
        token.write_text("three\n")
        server.answers(401, {})
        with pytest.raises(Unavailable, match="credential"):
            await http.request("GET", SECRET_PATH)
        server.answers(200, {})
        await http.request("GET", SECRET_PATH)
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == ["Bearer one", "Bearer one", "Bearer two", "Bearer two", "Bearer three"]


async def test_every_request_is_counted(server: Server) -> None:
    counted: list[tuple[str, str, int]] = []
    tuning = ClientOptions(count=lambda verb, resource, code: counted.append((verb, resource, code)))
    async with KubernetesClient(ClusterConnection(server.url, token=SecretStr("t")), tuning) as http:
        await http.request("GET", SECRET_PATH)
        await http.list_page("/api/v1/secrets", {"limit": "1"}, OBJECTS.page)
        async with http.watch("/api/v1/namespaces", {}) as lines:
            assert not isinstance(lines, NotFound)
    assert counted == [("get", "secrets", 200), ("list", "secrets", 200), ("watch", "namespaces", 200)]


async def test_watch_yields_lines_however_they_are_cut(server: Server, http: KubernetesClient) -> None:
    long = b'{"long":"' + b"x" * 200_000 + b'"}'

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"a"', b':1}\n{"b":2}\n', long[:1000], long[1000:], b"\n"):
            await response.write(piece)
        return response

    server.handler = stream
    async with http.watch("/api/v1/secrets", {"fieldSelector": "metadata.name=x"}) as lines:
        assert not isinstance(lines, ApiError)
        assert [line async for line in lines] == [b'{"a":1}', b'{"b":2}', long]
    assert server.requests[0].query["watch"] == "1"


async def test_silent_watch_ends_as_unavailable(server: Server, http: KubernetesClient) -> None:
    never = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await never.wait()
        return response

    server.handler = silent

    async def listen() -> None:
        async with http.watch("/api/v1/secrets", {}, idle=0.05) as lines:
            assert not isinstance(lines, ApiError)
            async for _ in lines:
                pytest.fail("nothing was sent")

    with pytest.raises(Unavailable):
        await listen()
    never.set()


@pytest.mark.parametrize(
    ("method", "path", "params", "words"),
    [
        ("GET", "/api/v1/namespaces/app", {}, "`get` namespaces 'app'"),
        ("GET", "/api/v1/secrets", {"fieldSelector": "metadata.name=x"}, "`list` secrets 'x'"),
        ("GET", "/api/v1/secrets", {"watch": "1"}, "`watch` secrets"),
        ("POST", "/apis/apps/v1/namespaces/app/deployments", {}, "`create` deployments in namespace 'app'"),
        (
            "PATCH",
            "/apis/harbor-operator.io/v1alpha1/namespaces/app/harborregistries/cr/status",
            {},
            "`patch` harborregistries/status 'cr' in namespace 'app'",
        ),
    ],
)
def test_target_is_what_the_authorizer_reads(method: str, path: str, params: dict[str, str], words: str) -> None:
    assert parse_resource(method, path, params).words == words


def kubeconfig(folder: Path, user: str, cluster: str = "server: https://10.0.0.1:6443/") -> Path:
    path = folder / "config"
    path.write_text(
        f"clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
    )
    return path


def test_kubeconfig_with_a_token(tmp_path: Path) -> None:
    info = from_kubeconfig(kubeconfig(tmp_path, "token: s3cr3t"))
    assert info.server == "https://10.0.0.1:6443"
    assert info.token == SecretStr("s3cr3t")
    assert "s3cr3t" not in repr(info)


@pytest.mark.parametrize(
    ("user", "cluster", "word"),
    [
        ("exec: {command: aws}", "server: https://x", "`exec`"),
        ("token: t", "server: https://x, insecure-skip-tls-verify: true", "`insecure-skip-tls-verify`"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(tmp_path: Path, user: str, cluster: str, word: str) -> None:
    with pytest.raises(Refused, match=word):
        from_kubeconfig(kubeconfig(tmp_path, user, cluster))


def test_broken_kubeconfig_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("token: [s3cr3t")
    with pytest.raises(Refused) as caught:
        from_kubeconfig(path)
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(Unavailable):
        from_kubeconfig(tmp_path / "absent")


def test_pod_without_a_token_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="automountServiceAccountToken"):
        in_cluster("10.0.0.1", 443, tmp_path)
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text("x")
    info = in_cluster("fd00::1", "443", tmp_path)
    assert (info.server, info.token_path) == ("https://[fd00::1]:443", tmp_path / "token")
