"""A list-watch in the words of the ports: objects as they are seen, and what has become of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from harbor_operator.adapters.kube_objects import ObjectT
from harbor_operator.adapters.reflector import Appeared, Bookmark, Connected, Disappeared, Listed, News, Reflector
from harbor_operator.model.watch import Deleted, Heartbeat, Synced

Seen = TypeVar("Seen")


async def view(
    watch: Reflector[ObjectT], read: Callable[[ObjectT], Seen]
) -> AsyncGenerator[Seen | Deleted | Synced | Heartbeat]:
    """Yields what `read` makes of every object there is, then `Complete`, then every change."""
    async with aclosing(watch.news()) as all_news:
        async for news in all_news:
            yield _change(news, read)


def _change(news: News[ObjectT], read: Callable[[ObjectT], Seen]) -> Seen | Deleted | Synced | Heartbeat:
    match news:
        case Appeared():
            return read(news.thing)
        case Disappeared():
            place, name = news.thing.key
            return Deleted(place, name, int(news.thing.metadata.resource_version))
        case Listed():
            return Synced(int(news.revision), news.keys)
        case Bookmark() | Connected():
            return Heartbeat()
