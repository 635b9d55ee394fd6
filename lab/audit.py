"""Reads the API server's audit log, so that tests count requests exactly.

    log = control_plane.audit
    mark = log.mark()
    ...                                     # the requests to count
    log.writes_since(mark, user="system:serviceaccount:harbor-operator:harbor-operator")   -> list[AuditEvent]
    log.since(mark, user=None, verbs={"list", "watch"})

The log has two records of a write: on arrival, before the server executes it, and after the answer. The reader waits
for the second record of each, so it never misses a write that a client knows to be done. A read has one record, after
the answer.

A client receives an answer before its record is in the log. The size of the log therefore does not separate requests
before a mark from requests after it: `since` compares the time at which the server received each request.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lab.process import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
SETTLE_SECONDS = 10.0

POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [
        {"level": "Metadata", "verbs": sorted(WRITES), "omitStages": ["ResponseStarted"]},
        {"level": "Metadata", "omitStages": ["RequestReceived", "ResponseStarted"]},
    ],
}
"""Metadata only: the log never contains the content of a Secret."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class AuditEvent:
    """One answered request; `received` is the time at which the API server received it."""

    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: str
    code: int
    uri: str
    user_agent: str
    received: datetime


class AuditLog:
    """Reader of the audit log at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._killed_at = 0
        self._sizes: dict[int, int] = {}

    def mark(self) -> int:
        """Returns the present time in microseconds; requests that the server received earlier are before the mark."""
        size = self._size()  # before the time: the records of all later requests begin after this size
        mark = (datetime.now(UTC) - EPOCH) // MICROSECOND
        self._sizes.setdefault(mark, size)
        return mark

    def server_killed(self) -> None:
        """Notes that the server was just killed: requests without an answer never get one."""
        with self.path.open("ab") as log:
            log.write(b"\n")  # ends an incomplete line
        self._killed_at = self._size()

    def since(
        self, mark: int = 0, *, user: str | None = None, verbs: AbstractSet[str] | None = None
    ) -> list[AuditEvent]:
        """Returns the requests received since `mark` and answered by now, optionally of one user or some verbs."""
        return [
            event
            for event in map(_event, self._settled(mark))
            if (user is None or event.user == user) and (verbs is None or event.verb in verbs)
        ]

    def writes_since(self, mark: int = 0, user: str | None = None) -> list[AuditEvent]:
        """Returns the writes received since `mark`, including rejected ones; not dry runs and issued tokens.

        Those store nothing.
        """
        writes = self.since(mark, user=user, verbs=WRITES)
        return [event for event in writes if event.subresource != "token" and "dryRun=All" not in event.uri]

    def _settled(self, mark: int) -> list[dict[str, Any]]:
        """Returns the records of answered requests, after every write that is in the log by now is answered."""
        deadline = time.monotonic() + SETTLE_SECONDS
        lines = list(self._lines(mark))
        lost = {line["auditID"] for line in self._lines(mark, self._killed_at)}
        pending = {line["auditID"] for line in lines if line["stage"] == "RequestReceived"} - lost
        while pending - {line["auditID"] for line in lines if line["stage"] != "RequestReceived"}:
            if time.monotonic() > deadline:
                raise LabError(f"{len(pending)} writes in '{self.path}' are still unanswered after {SETTLE_SECONDS} s")
            time.sleep(0.02)
            lines = list(self._lines(mark))
        return [line for line in lines if line["stage"] in {"ResponseComplete", "Panic"}]

    def _lines(self, mark: int, end: float = float("inf")) -> Iterator[dict[str, Any]]:
        """Yields the records of requests received since `mark`, up to an offset of the file."""
        earliest = EPOCH + mark * MICROSECOND
        for line in self._records(self._sizes.get(mark, 0), end):
            if _received(line) >= earliest:
                yield line

    def _records(self, start: int, end: float) -> Iterator[dict[str, Any]]:
        """Yields the records that begin between two offsets; skips the incomplete record of a killed server."""
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            if start:  # an offset can be inside a record that the server was writing: that request came earlier
                log.seek(start - 1)
                log.readline()
            offset = log.tell()
            for line in log:
                begin, offset = offset, offset + len(line)
                if begin >= end or not line.endswith(b"\n"):  # the server is still writing the last line
                    return
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    if begin >= self._killed_at:
                        raise

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


def _received(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["requestReceivedTimestamp"])


def _event(line: dict[str, Any]) -> AuditEvent:
    target = line.get("objectRef", {})
    return AuditEvent(
        verb=line["verb"],
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        user=line.get("impersonatedUser", line["user"]).get("username", ""),
        code=line.get("responseStatus", {}).get("code", 0),
        uri=line["requestURI"],
        user_agent=line.get("userAgent", ""),
        received=_received(line),
    )
