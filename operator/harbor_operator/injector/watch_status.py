"""How well each view of the cluster is fed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harbor_operator.model.watch import Kind, Source
from harbor_operator.ports import Refused


class WatchStatus:
    """Which views are complete, which were refused, and when each was last heard of."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._complete: set[Source] = set()
        self._refused: dict[Source, Refused] = {}
        self._heard: dict[Source, float] = {}

    def is_complete(self, sources: Iterable[Source]) -> bool:
        """Whether each of them has delivered a full list."""
        return self._complete.issuperset(sources)

    def refusal(self, sources: Iterable[Source]) -> Refused | None:
        """Returns why one of them cannot be had, if so."""
        return next((self._refused[source] for source in sources if source in self._refused), None)

    def heard(self, sources: Iterable[Source]) -> float:
        """Returns the moment since which each of them has told something."""
        return min(self._heard.get(source, 0.0) for source in sources)

    def oldest_silence(self) -> float:
        """Returns for how many seconds the quietest view has said nothing; bookmarks count."""
        return max(self.silences().values(), default=0.0)

    def silences(self) -> dict[Kind, float]:
        """Returns the same for each kind that is watched."""
        now = self._clock()
        quietest: dict[Kind, float] = {}
        for source, heard in self._heard.items():
            quietest[source.kind] = max(now - heard, quietest.get(source.kind, 0.0))
        return quietest

    def hear(self, source: Source) -> None:
        """Notes that the view is being fed."""
        self._heard[source] = self._clock()
        self._refused.pop(source, None)

    def complete(self, source: Source) -> bool:
        """Notes a full list; True if it is the first."""
        first = source not in self._complete
        self._complete.add(source)
        return first

    def refuse(self, source: Source, refused: Refused) -> None:
        """Notes that the view cannot be had until somebody changes something; it answered, so it is not silent."""
        self._refused[source] = refused
        self._heard[source] = self._clock()

    def drop(self, source: Source) -> None:
        """Forgets a view that nobody needs."""
        self._complete.discard(source)
        self._refused.pop(source, None)
        self._heard.pop(source, None)
