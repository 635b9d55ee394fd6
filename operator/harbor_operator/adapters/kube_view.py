"""A list-watch in the words of the ports: objects as they are seen, and what has become of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from harbor_operator.adapters.kube_objects import T
from harbor_operator.adapters.kube_watch import Appeared, Bookmark, Connected, Disappeared, Listed, ListWatch, News
from harbor_operator.ports.cluster import Alive, Complete, Vanished

Seen = TypeVar("Seen")


async def view(watch: ListWatch[T], read: Callable[[T], Seen]) -> AsyncGenerator[Seen | Vanished | Complete | Alive]:
    """Yields what `read` makes of every object there is, then `Complete`, then every change."""
    async with aclosing(watch.news()) as all_news:
        async for news in all_news:
            yield _change(news, read)


def _change(news: News[T], read: Callable[[T], Seen]) -> Seen | Vanished | Complete | Alive:
    match news:
        case Appeared():
            return read(news.thing)
        case Disappeared():
            place, name = news.thing.key
            return Vanished(place, name, int(news.thing.metadata.resource_version))
        case Listed():
            return Complete(int(news.revision), news.keys)
        case Bookmark() | Connected():
            return Alive()
