"""An endless list-watch, as client-go's Reflector: every object, then every change, and a new list when one was missed.

Lists come in pages. Watches ask for bookmarks and end by themselves after some minutes. Only 410 makes the reflector
list again; after every other end it resumes where it stopped, with a growing back-off if nothing had come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeAlias, TypeVar

import msgspec

from harbor_operator.adapters.kube_api import (
    JSON,
    LIST_TIMEOUT_SECONDS,
    METADATA_LIST,
    METADATA_ONLY,
    ApiError,
    ApiRequest,
    Expired,
    Params,
    ResourceRef,
)
from harbor_operator.adapters.kube_client import IDLE_TIMEOUT_SECONDS, KubernetesClient
from harbor_operator.adapters.kube_objects import ObjectT, Page, ResourceDecoder, decode_object
from harbor_operator.adapters.kube_pages import Pager
from harbor_operator.model.backoff import backoff_seconds
from harbor_operator.model.watch import Deleted, Heartbeat, Synced
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

LOG = logging.getLogger(__name__)

UpsertT = TypeVar("UpsertT")
Events: TypeAlias = AsyncGenerator[UpsertT | Deleted | Synced | Heartbeat, None]


@dataclass(frozen=True, slots=True)
class WatchedResource(Generic[ObjectT]):
    """What is watched and how it is decoded; a name in `ref` limits the watch to objects of that name."""

    ref: ResourceRef
    decoder: ResourceDecoder[ObjectT]
    field_selector: str = ""
    metadata_only: bool = False

    def request(self, verb: str, params: Params) -> ApiRequest:
        """Returns a `list` or a `watch` of it."""
        if self.field_selector:
            params = {**params, "fieldSelector": self.field_selector}
        accept = (METADATA_ONLY if verb == "watch" else METADATA_LIST) if self.metadata_only else JSON
        return ApiRequest(verb, self.ref, params, accept=accept, timeout_seconds=LIST_TIMEOUT_SECONDS)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """Timeouts and back-off of a reflector, and the sources of randomness and sleep; all times in seconds."""

    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    idle_seconds: float = IDLE_TIMEOUT_SECONDS
    watch_seconds: float = 300.0
    min_backoff_seconds: float = 0.2
    max_backoff_seconds: float = 30.0


class _Expired(Exception):  # noqa: N818 - not an error: the server keeps history for some minutes only
    pass


class Reflector(Generic[ObjectT, UpsertT]):
    """Watches one resource; `decode` turns each listed or changed object into the event that is yielded for it."""

    def __init__(
        self,
        client: KubernetesClient,
        resource: WatchedResource[ObjectT],
        decode: Callable[[ObjectT], UpsertT],
        options: WatchOptions,
    ) -> None:
        self._client = client
        self._resource = resource
        self._decode = decode
        self._options = options
        self._revision = ""
        self._failures = 0

    async def events(self) -> Events[UpsertT]:
        """Yields every object, then Synced, then every change, endlessly; raises Refused only."""
        while True:
            try:
                events = self._watch() if self._revision else self._list()
                async with aclosing(events):
                    async for event in events:
                        yield event
                if self._failures == 0:
                    continue
            except _Expired:
                LOG.info("the history of %s has expired: listing again", self._resource.ref.describe())
                self._revision = ""
            except Unavailable as error:
                LOG.info("the watch of %s ended: %s", self._resource.ref.describe(), error)
                await self._back_off(error.retry_after)
                continue
            await self._back_off(None)

    async def _back_off(self, retry_after: float | None) -> None:
        options = self._options
        backoff = backoff_seconds(options.min_backoff_seconds, options.max_backoff_seconds, self._failures)
        self._failures += 1
        backoff *= 0.5 + options.random()
        await options.sleep(max(backoff, retry_after or 0.0))

    async def _list(self) -> Events[UpsertT]:
        keys: set[tuple[str, str]] = set()
        pager = Pager(self._client, partial(self._resource.request, "list"), self._resource.decoder.page)
        token = ""
        while True:
            page = await self._page(pager, token)
            self._failures = 0
            for observed in page.items or ():
                keys.add(observed.key)
                yield self._decode(observed)
            if not page.metadata.continue_token:
                self._revision = page.metadata.resource_version
                yield Synced(int(self._revision), frozenset(keys))
                return
            token = page.metadata.continue_token

    async def _page(self, pager: Pager[Page[ObjectT]], token: str) -> Page[ObjectT]:
        page = await pager.read(token)
        if isinstance(page, ApiError):
            raise self._error(page)
        return page

    async def _watch(self) -> Events[UpsertT]:
        options = self._options
        params = {
            "resourceVersion": self._revision,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(round(options.watch_seconds * (1.0 + options.random()))),
        }
        self._failures += 1
        request = self._resource.request("watch", params)
        async with self._client.watch(request, idle_seconds=options.idle_seconds) as lines:
            if isinstance(lines, ApiError):
                raise self._error(lines)
            # The server accepted the watch. On a quiet resource it sends no bookmark within the idle timeout.
            yield Heartbeat()
            async for line in lines:
                event = self._read(line)
                self._failures = 0
                yield event

    def _read(self, line: bytes) -> UpsertT | Deleted | Heartbeat:
        try:
            event = self._resource.decoder.event(line)
        except msgspec.DecodeError:
            raise Unavailable("a watch event was cut off") from None
        if event.type == "ERROR":
            raise _stream_error(line)
        observed = event.object
        self._revision = observed.metadata.resource_version or self._revision
        match event.type:
            case "BOOKMARK":
                return Heartbeat()
            case "DELETED":
                return Deleted(*observed.key, int(observed.metadata.resource_version))
            case _:
                return self._decode(observed)

    def _error(self, error: ApiError) -> Exception:
        if isinstance(error, Expired):
            return _Expired()
        what = self._resource.ref.describe()
        return Refused(Reason.INTERNAL_ERROR, f"{what} cannot be watched: {error.code} {error.message}")


def _stream_error(line: bytes) -> Exception:
    # Inside a stream every error but 410 concerns the server itself ("leader changed", "too many requests").
    status = decode_object(line).get("object") or {}
    if status.get("code") == 410:  # noqa: PLR2004 - gone
        return _Expired()
    return Unavailable(f"the server ended the watch: {status.get('reason')} ({status.get('code')})")
