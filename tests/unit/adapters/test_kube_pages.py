"""Pages of a list become smaller when the objects are large, and no answer is read beyond the limit."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from harbor_operator.adapters import kube_client
from harbor_operator.adapters.kube_api import ApiError, ApiRequest, ResourceRef, TooLarge
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.kube_objects import decode_object
from harbor_operator.adapters.kube_pages import Pager
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.ports import Refused, Unavailable
from tests.fakes.hostile import Attack, attacking

MAX_TEST_ANSWER_BYTES = 4096
MAX_PEAK_BYTES = 80 << 20
"""The limit of 32 MiB, once as it is read and once as one piece, and the read buffer."""

OBJECT_COUNT = 20
READ = ApiRequest("get", ResourceRef("v1", "secrets", "app", "x"))
WATCH = ApiRequest("watch", ResourceRef("v1", "secrets"))
LIST = partial(ApiRequest, "list", ResourceRef("v1", "secrets"))


async def _watch(client: KubernetesClient) -> ApiError | None:
    async with client.watch(WATCH, idle_seconds=5) as lines:
        if isinstance(lines, ApiError):
            return lines
        async for _ in lines:
            pass
    return None


CALLS: dict[str, Callable[[KubernetesClient], Awaitable[object]]] = {
    "read": lambda client: client.send_plain(READ),
    "watch": _watch,
}
# The other attacks end by a deadline, which tests/unit/adapters/test_kube_client.py checks.
ATTACKS = [Attack.ENDLESS_BODY, Attack.ENDLESS_CHUNKS, Attack.ENDLESS_ERROR, Attack.GZIP_BOMB, Attack.HUGE_HEADER]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_hostile_api_server_costs_little(call: str, attack: Attack) -> None:
    """Finding S2."""
    async with attacking(attack.answer) as server, KubernetesClient(ClusterConnection(server.url)) as client:
        await anext(attack.answer())  # a bomb is built before the measurement
        tracemalloc.start()
        try:
            answer = await CALLS[call](client)
        except (Unavailable, Refused):
            answer = None
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert answer is None or isinstance(answer, TooLarge)
        assert peak < MAX_PEAK_BYTES


class ObjectList:
    """An API server that lists OBJECT_COUNT objects of the same size in pages."""

    def __init__(self, object_bytes: int) -> None:
        self.items = [{"metadata": {"name": f"n{number}"}, "x": "x" * object_bytes} for number in range(OBJECT_COUNT)]
        self.limits: list[int] = []

    async def handle(self, request: web.Request) -> web.Response:
        first, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        self.limits.append(limit)
        end = first + limit
        more = str(end) if end < len(self.items) else ""
        return web.json_response({"metadata": {"continue": more}, "items": self.items[first:end]})


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_client, "MAX_ANSWER_BYTES", MAX_TEST_ANSWER_BYTES)


async def _client(objects: ObjectList) -> AsyncIterator[KubernetesClient]:
    app = web.Application()
    app.router.add_get("/{path:.*}", objects.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with KubernetesClient(ClusterConnection(f"http://127.0.0.1:{runner.addresses[0][1]}")) as client:
        yield client
    await runner.cleanup()


@pytest.fixture
def objects() -> ObjectList:
    return ObjectList(object_bytes=1000)


@pytest.fixture
async def client(objects: ObjectList) -> AsyncIterator[KubernetesClient]:
    async for client in _client(objects):
        yield client


@pytest.mark.usefixtures("small_answers")
async def test_large_objects_are_listed_in_smaller_pages(objects: ObjectList, client: KubernetesClient) -> None:
    """Finding S3: a tenant who makes objects large does not stop a list."""
    found: list[dict[str, Any]] = await KubernetesNamespaceResources(client).read_registries()
    assert [item["metadata"]["name"] for item in found] == [f"n{number}" for number in range(OBJECT_COUNT)]
    assert objects.limits == [500, 62, 7, *([1] * OBJECT_COUNT)]


@pytest.mark.usefixtures("small_answers")
async def test_one_object_beyond_the_limit_ends_the_list(objects: ObjectList, client: KubernetesClient) -> None:
    objects.items[0]["x"] = "x" * MAX_TEST_ANSWER_BYTES
    answer = await Pager(client, LIST, decode_object).read()
    assert isinstance(answer, TooLarge)
    assert "more than 4 KiB" in answer.message
    with pytest.raises(Unavailable, match="more than 4 KiB"):
        await KubernetesNamespaceResources(client).read_registries()


async def test_small_objects_come_in_one_page(objects: ObjectList, client: KubernetesClient) -> None:
    assert len(await KubernetesNamespaceResources(client).read_registries()) == OBJECT_COUNT
    assert objects.limits == [500]
