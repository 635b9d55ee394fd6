"""The watcher's journal as one record per namespace: when objects were seen, and when the namespace was done."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.01
KINDS = frozenset("NAS")


@dataclass(slots=True)
class NamespaceObservation:
    """One namespace; times of the monotonic clock, None = not seen."""

    created: float | None = None
    account: float | None = None
    done: float | None = None
    """The first time at which all objects were in place."""
    broken: float | None = None
    """The last time at which an object was damaged."""
    repaired: float | None = None
    """The first time after `broken` at which all objects were in place again."""
    rewritten: float | None = None
    """The last time at which the Secret's content changed."""
    content: str | None = None
    references: tuple[str, ...] | None = None
    expected: str | None = None
    """The content that counts as complete; None = any."""

    def is_complete(self, secret: str, *, needs_reference: bool) -> bool:
        """Whether the Secret and, if needed, the reference are in place."""
        if self.content is None or self.expected not in {None, self.content}:
            return False
        return not needs_reference or secret in (self.references or ())


class Observations:
    """Reads the journal while it waits."""

    def __init__(self, journal: Path, secret: str, *, needs_reference: bool) -> None:
        self._journal = journal
        self._secret = secret
        self._needs_reference = needs_reference
        self._file: io.TextIOWrapper | None = None
        self._rest = ""
        self._ready: set[str] = set()
        self._observations: dict[str, NamespaceObservation] = {}

    def __getitem__(self, namespace: str) -> NamespaceObservation:
        return self._observations.setdefault(namespace, NamespaceObservation())

    @property
    def is_watching(self) -> bool:
        """Whether the watcher has listed all objects."""
        return self._ready == KINDS

    def names(self) -> list[str]:
        """Returns every namespace that was seen or requested."""
        return list(self._observations)

    def are_done(self, namespaces: Iterable[str]) -> bool:
        """Whether all of them are done."""
        return all(self[name].done is not None for name in namespaces)

    def count_done(self, namespaces: Iterable[str]) -> int:
        """Returns how many of them are done."""
        return sum(self[name].done is not None for name in namespaces)

    async def until(self, condition: Callable[[], bool], timeout_seconds: float) -> bool:
        """Reads until the condition is true; returns False on timeout."""
        end = time.monotonic() + timeout_seconds
        while True:
            self.read()
            if condition():
                return True
            if time.monotonic() > end:
                return False
            await asyncio.sleep(POLL_SECONDS)

    def read(self) -> None:
        """Reads new lines of the journal."""
        if self._file is None:
            if not self._journal.exists():
                return
            self._file = self._journal.open()
        *whole, self._rest = (self._rest + self._file.read()).split("\n")
        for text in whole:
            self._add(*text.split("\t"))

    def close(self) -> None:
        """Closes the journal."""
        if self._file is not None:
            self._file.close()

    def _add(self, at_text: str, kind: str, what: str, namespace: str, detail: str) -> None:
        if what == "READY":
            self._ready.add(kind)
            return
        at = float(at_text)
        observation = self[namespace]
        before = observation.is_complete(self._secret, needs_reference=self._needs_reference)
        _apply(observation, at, (kind, what), detail)
        after = observation.is_complete(self._secret, needs_reference=self._needs_reference)
        if after and observation.done is None:
            observation.done = at
        if before and not after:
            observation.broken, observation.repaired = at, None
        if after and not before and observation.broken is not None:
            observation.repaired = at


def _apply(observation: NamespaceObservation, at: float, event: tuple[str, str], detail: str) -> None:
    kind, what = event
    gone = what == "DELETED"
    match kind:
        case "N":
            observation.created = observation.created or at
        case "A":
            observation.account = observation.account or at
            observation.references = None if gone else tuple(detail.split(",")) if detail else ()
        case _:
            content = None if gone else detail
            if content != observation.content:
                observation.rewritten = at
            observation.content = content
