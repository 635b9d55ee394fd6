"""The watcher's journal as one record per namespace: what was seen when, and since when all is in place."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY = 0.01
KINDS = frozenset("NAS")


@dataclass(slots=True)
class Sight:
    """One namespace; moments on the monotonic clock, None = not seen."""

    created: float | None = None
    account: float | None = None
    done: float | None = None
    """The first moment at which everything was in place."""
    broken: float | None = None
    """The last moment at which something of it was lost."""
    mended: float | None = None
    """The first moment after that at which everything was in place again."""
    rewritten: float | None = None
    """The last moment at which the Secret's content changed."""
    content: str | None = None
    references: tuple[str, ...] | None = None
    wanted: str | None = None
    """The content that counts as right; None = any."""

    def is_whole(self, secret: str, *, needs_reference: bool) -> bool:
        """Whether Secret and, if it belongs to the contender's business, reference are in place."""
        if self.content is None or self.wanted not in {None, self.content}:
            return False
        return not needs_reference or secret in (self.references or ())


class Sightings:
    """Reads on while it waits."""

    def __init__(self, journal: Path, secret: str, *, needs_reference: bool) -> None:
        self._journal = journal
        self._secret = secret
        self._needs_reference = needs_reference
        self._file: io.TextIOWrapper | None = None
        self._rest = ""
        self._ready: set[str] = set()
        self._sights: dict[str, Sight] = {}

    def __getitem__(self, namespace: str) -> Sight:
        return self._sights.setdefault(namespace, Sight())

    @property
    def is_watching(self) -> bool:
        """Whether the watcher has seen everything there was."""
        return self._ready == KINDS

    def names(self) -> list[str]:
        """Every namespace seen or asked for."""
        return list(self._sights)

    def are_done(self, namespaces: Iterable[str]) -> bool:
        """Whether everything has been in place in all of them."""
        return all(self[name].done is not None for name in namespaces)

    def count_done(self, namespaces: Iterable[str]) -> int:
        """In how many of them everything has been in place."""
        return sum(self[name].done is not None for name in namespaces)

    async def until(self, condition: Callable[[], bool], patience: float) -> bool:
        """Reads until the condition holds; False if it did not within so many seconds."""
        end = time.monotonic() + patience
        while True:
            self.read()
            if condition():
                return True
            if time.monotonic() > end:
                return False
            await asyncio.sleep(LOOK_EVERY)

    def read(self) -> None:
        """Takes in what the watcher has written since."""
        if self._file is None:
            if not self._journal.exists():
                return
            self._file = self._journal.open()
        *whole, self._rest = (self._rest + self._file.read()).split("\n")
        for text in whole:
            self._note(*text.split("\t"))

    def close(self) -> None:
        """Closes the journal."""
        if self._file is not None:
            self._file.close()

    def _note(self, at_text: str, kind: str, what: str, namespace: str, detail: str) -> None:
        if what == "READY":
            self._ready.add(kind)
            return
        at = float(at_text)
        sight = self[namespace]
        before = sight.is_whole(self._secret, needs_reference=self._needs_reference)
        _take(sight, at, (kind, what), detail)
        after = sight.is_whole(self._secret, needs_reference=self._needs_reference)
        if after and sight.done is None:
            sight.done = at
        if before and not after:
            sight.broken, sight.mended = at, None
        if after and not before and sight.broken is not None:
            sight.mended = at


def _take(sight: Sight, at: float, event: tuple[str, str], detail: str) -> None:
    kind, what = event
    gone = what == "DELETED"
    match kind:
        case "N":
            sight.created = sight.created or at
        case "A":
            sight.account = sight.account or at
            sight.references = None if gone else tuple(detail.split(",")) if detail else ()
        case _:
            content = None if gone else detail
            if content != sight.content:
                sight.rewritten = at
            sight.content = content
