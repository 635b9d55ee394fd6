"""The reflector against a scripted server: pages, bookmarks, and every way a watch may end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from harbor_operator.adapters.kube_api import ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.kube_objects import OBJECTS, PartialObject
from harbor_operator.adapters.reflector import Reflector, WatchedResource, WatchOptions
from harbor_operator.model.watch import Deleted, Heartbeat, Synced
from harbor_operator.ports import Refused

Events = list["PartialObject | Deleted | Synced | Heartbeat"]
Answer = dict[str, Any] | list[dict[str, Any]] | int


def manifest(name: str, revision: int) -> dict[str, Any]:
    return {"metadata": {"namespace": "app", "name": name, "resourceVersion": str(revision)}}


def observed(name: str, revision: int) -> PartialObject:
    return msgspec.convert(manifest(name, revision), PartialObject)


def page(revision: int, *items: dict[str, Any], more: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(revision), "continue": more}, "items": list(items)}


def event(kind: str, about: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": about}


class Script:
    """Answers one request after the other: a page, the events of a watch, or an error code."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.queries: list[dict[str, str]] = []
        self.pauses: list[float] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        answer = self.answers.pop(0) if self.answers else 403
        if isinstance(answer, int):
            return web.json_response({"message": "no"}, status=answer)
        if isinstance(answer, dict):
            return web.json_response(answer)
        return web.Response(body=b"".join(json.dumps(line).encode() + b"\n" for line in answer))

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @asynccontextmanager
    async def http(self) -> AsyncIterator[KubernetesClient]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with KubernetesClient(ClusterConnection(f"http://127.0.0.1:{runner.addresses[0][1]}")) as http:
            yield http
        await runner.cleanup()

    async def play(self, *, heartbeats: bool = False) -> Events:
        """Returns all events until the script is over, which it says with 403; heartbeats only on request."""
        seen: Events = []
        async with self.http() as client:
            resource = WatchedResource(ResourceRef("v1", "secrets", name="x"), OBJECTS)
            options = WatchOptions(lambda: 0.5, self.sleep)
            async with aclosing(Reflector(client, resource, _itself, options).events()) as events:
                try:
                    async for event in events:
                        if heartbeats or not isinstance(event, Heartbeat):
                            seen.append(event)
                except Refused:
                    return seen
        raise AssertionError("a watch never ends by itself")


def _itself(observed: PartialObject) -> PartialObject:
    return observed


async def test_list_comes_in_pages_and_is_followed_by_a_watch_from_there() -> None:
    script = Script(
        page(5, manifest("a", 1), more="next"), page(5, manifest("b", 2)), [event("DELETED", manifest("a", 7))]
    )
    seen = await script.play()
    keys = frozenset({("app", "a"), ("app", "b")})
    assert seen == [
        observed("a", 1),
        observed("b", 2),
        Synced(5, keys),
        Deleted("app", "a", 7),
    ]
    assert [query.get("continue") for query in script.queries[:2]] == [None, "next"]
    assert script.queries[2]["resourceVersion"] == "5"
    assert script.queries[2]["timeoutSeconds"] == "450"
    assert script.queries[3]["resourceVersion"] == "7"
    assert all(query["fieldSelector"] == "metadata.name=x" for query in script.queries)
    assert script.pauses == []


async def test_bookmark_moves_the_place_to_resume_from() -> None:
    script = Script(page(5), [event("BOOKMARK", {"metadata": {"resourceVersion": "90"}})])
    accepted, bookmark = Heartbeat(), Heartbeat()
    events = await script.play(heartbeats=True)
    assert events == [Synced(5, frozenset()), accepted, bookmark]
    assert script.queries[-1]["resourceVersion"] == "90"


@pytest.mark.parametrize("expired", [410, [event("ERROR", {"code": 410, "reason": "Expired"})]])
async def test_expired_history_means_a_new_list(expired: Answer) -> None:
    script = Script(page(5, manifest("a", 1)), expired, page(9))
    assert await script.play() == [
        observed("a", 1),
        Synced(5, frozenset({("app", "a")})),
        Synced(9, frozenset()),
    ]
    assert "resourceVersion" not in script.queries[2]


async def test_an_expired_continue_token_means_a_new_list() -> None:
    script = Script(page(5, manifest("a", 1), more="next"), 410, page(9))
    assert (await script.play())[-1] == Synced(9, frozenset())


@pytest.mark.parametrize("end", [500, 429, [event("ERROR", {"code": 500, "reason": "InternalError"})], []])
async def test_other_ends_resume_where_it_stopped_with_a_growing_back_off(end: Answer) -> None:
    script = Script(page(5), end, end, end)
    assert await script.play() == [Synced(5, frozenset())]
    assert [query.get("resourceVersion") for query in script.queries] == [None, "5", "5", "5", "5"]
    assert script.pauses == sorted(script.pauses)
    assert script.pauses[0] < script.pauses[-1]


async def test_missing_right_is_raised() -> None:
    script = Script()
    assert await script.play() == []
