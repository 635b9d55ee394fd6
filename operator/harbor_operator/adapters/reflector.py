"""An endless list-watch: everything there is, then every change, and a new list whenever a change may have been missed.

Lists come in pages, watches ask for bookmarks and end after some minutes by themselves. Only 410 makes us list again;
every other end resumes where it stopped, after a growing pause if nothing had come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias

import msgspec

from harbor_operator.adapters.kube_api import ApiError, Expired
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import ObjectT, Page, ResourceDecoder, decode_object
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

LOG = logging.getLogger(__name__)
PAGE = 500


@dataclass(frozen=True, slots=True)
class Appeared(Generic[ObjectT]):
    """An object as it is now: new, changed, or listed."""

    thing: ObjectT


@dataclass(frozen=True, slots=True)
class Disappeared(Generic[ObjectT]):
    """An object as it was when it was deleted, with the resourceVersion of the deletion."""

    thing: ObjectT


@dataclass(frozen=True, slots=True)
class Listed:
    """A list is complete: its resourceVersion, and (namespace, name) of everything in it."""

    revision: str
    keys: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Nothing has changed up to here."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The server took the watch; on a quiet resource it sends no bookmark for longer than we listen to silence."""


News: TypeAlias = Appeared[ObjectT] | Disappeared[ObjectT] | Listed | Bookmark | Connected


@dataclass(frozen=True, slots=True)
class Resource(Generic[ObjectT]):
    """What is watched, and how it is read."""

    path: str
    reading: ResourceDecoder[ObjectT]
    field_selector: str = ""
    metadata_only: bool = False

    def params(self) -> dict[str, str]:
        """Returns the query every list and watch of it carries."""
        return {"fieldSelector": self.field_selector} if self.field_selector else {}


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How long things may take, and who waits."""

    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    idle: float = 90.0
    watch_seconds: float = 300.0
    first_pause: float = 0.2
    longest_pause: float = 30.0


class _Expired(Exception):  # noqa: N818 - not an error: the server keeps history for some minutes only
    pass


class Reflector(Generic[ObjectT]):
    """Follows one resource; iterate over `news`."""

    def __init__(self, http: KubernetesClient, resource: Resource[ObjectT], policy: WatchOptions) -> None:
        self._http = http
        self._resource = resource
        self._policy = policy
        self._revision = ""
        self._fruitless = 0

    async def news(self) -> AsyncGenerator[News[ObjectT], None]:
        """Yields what there is and what changes, for ever; raises Refused only."""
        while True:
            try:
                follow = self._watch() if self._revision else self._list()
                async with aclosing(follow):
                    async for news in follow:
                        if not isinstance(news, Connected):
                            self._fruitless = 0
                        yield news
                if self._fruitless == 0:
                    continue
            except _Expired:
                LOG.info("the history of %s is gone: listing again", self._resource.path)
                self._revision = ""
            except Unavailable as unavailable:
                LOG.info("%s: %s", self._resource.path, unavailable)
                await self._pause(unavailable.retry_after)
                continue
            await self._pause(None)

    async def _pause(self, retry_after: float | None) -> None:
        policy = self._policy
        pause = min(policy.longest_pause, policy.first_pause * 2.0 ** min(self._fruitless, 20))
        self._fruitless += 1
        await policy.sleep(max(pause * (0.5 + policy.random()), retry_after or 0.0))

    async def _list(self) -> AsyncGenerator[News[ObjectT], None]:
        keys: set[tuple[str, str]] = set()
        params = {**self._resource.params(), "limit": str(PAGE)}
        while True:
            page = await self._page(params)
            for thing in page.items or ():
                keys.add(thing.key)
                yield Appeared(thing)
            if not page.metadata.rest:
                self._revision = page.metadata.resource_version
                yield Listed(self._revision, frozenset(keys))
                return
            params["continue"] = page.metadata.rest

    async def _page(self, params: dict[str, str]) -> Page[ObjectT]:
        resource = self._resource
        page = await self._http.list_page(
            resource.path, params, resource.reading.page, metadata_only=resource.metadata_only
        )
        if isinstance(page, ApiError):
            raise _judge(page, self._resource)
        return page

    async def _watch(self) -> AsyncGenerator[News[ObjectT], None]:
        policy = self._policy
        seconds = round(policy.watch_seconds * (1.0 + policy.random()))
        params = {
            **self._resource.params(),
            "resourceVersion": self._revision,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        self._fruitless += 1
        stream = self._http.watch(
            self._resource.path, params, metadata_only=self._resource.metadata_only, idle=policy.idle
        )
        async with stream as lines:
            if isinstance(lines, ApiError):
                raise _judge(lines, self._resource)
            yield Connected()
            async for line in lines:
                yield self._read(line)

    def _read(self, line: bytes) -> News[ObjectT]:
        try:
            event = self._resource.reading.event(line)
        except msgspec.DecodeError:
            raise Unavailable("a watch event was cut off") from None
        if event.type == "ERROR":
            raise _trouble(line)
        self._revision = event.object.metadata.resource_version or self._revision
        match event.type:
            case "BOOKMARK":
                return Bookmark()
            case "DELETED":
                return Disappeared(event.object)
            case _:
                return Appeared(event.object)


def _trouble(line: bytes) -> Exception:
    # Inside a stream everything but 410 is the server's own trouble ("leader changed", "too many requests").
    status = decode_object(line).get("object") or {}
    if status.get("code") == 410:  # noqa: PLR2004 - gone
        return _Expired()
    return Unavailable(f"the watch was ended by the server: {status.get('reason')} ({status.get('code')})")


def _judge(denial: ApiError, resource: Resource[Any]) -> Exception:
    if isinstance(denial, Expired):
        return _Expired()
    return Refused(Reason.INTERNAL_ERROR, f"'{resource.path}' cannot be watched: {denial.code} {denial.message}")
