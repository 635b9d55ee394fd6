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


@dataclass(frozen=True, slots=True)
class _Record:
    """One line of the log, which begins at an offset of the file."""

    begin: int
    identity: str
    stage: str
    event: AuditEvent


@dataclass(frozen=True)
class _ReadRecords:
    """The records that were read since a mark, and the offset at which they end."""

    mark: int
    end: int
    records: tuple[_Record, ...]


class AuditLog:
    """Reader of the audit log at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._killed_at = 0
        self._sizes: dict[int, int] = {}
        self._read = _ReadRecords(-1, 0, ())

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
            record.event
            for record in self._settled(mark)
            if (user is None or record.event.user == user) and (verbs is None or record.event.verb in verbs)
        ]

    def writes_since(self, mark: int = 0, user: str | None = None) -> list[AuditEvent]:
        """Returns the writes received since `mark`, including rejected ones; not dry runs and issued tokens.

        Those store nothing.
        """
        writes = self.since(mark, user=user, verbs=WRITES)
        return [event for event in writes if event.subresource != "token" and "dryRun=All" not in event.uri]

    def _settled(self, mark: int) -> list[_Record]:
        """Returns the records of answered requests, after every write that is in the log by now is answered."""
        deadline = time.monotonic() + SETTLE_SECONDS
        records = self._records(mark)
        asked = {record.identity for record in records if record.stage == "RequestReceived"}
        lost = {record.identity for record in records if record.begin < self._killed_at}
        while pending := asked - lost - {r.identity for r in records if r.stage != "RequestReceived"}:
            if time.monotonic() > deadline:
                raise LabError(f"{len(pending)} writes in '{self.path}' are still unanswered after {SETTLE_SECONDS} s")
            time.sleep(0.02)
            records = self._records(mark)
        return [record for record in records if record.stage in {"ResponseComplete", "Panic"}]

    def _records(self, mark: int) -> tuple[_Record, ...]:
        """Returns the records of requests received since `mark`.

        A poll with the same mark parses new records only: a busy server writes thousands between two polls.
        """
        read = self._read if self._read.mark == mark else _ReadRecords(mark, self._sizes.get(mark, 0), ())
        earliest = EPOCH + mark * MICROSECOND
        new: list[_Record] = []
        offset = read.end
        if self.path.exists():
            with self.path.open("rb") as log:
                if offset:  # a size can be inside a record of an earlier request: skip its rest
                    log.seek(offset - 1)
                    log.readline()
                    offset = log.tell()
                for line in log:
                    if not line.endswith(b"\n"):  # the server is still writing the last line
                        break
                    record = self._parsed(offset, line)
                    if record and record.event.received >= earliest:
                        new.append(record)
                    offset += len(line)
        self._read = _ReadRecords(mark, offset, (*read.records, *new))
        return self._read.records

    def _parsed(self, begin: int, line: bytes) -> _Record | None:
        """Returns the record of a line; None for the incomplete one of a killed server."""
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            if begin >= self._killed_at:
                raise
            return None
        return _Record(begin, found["auditID"], found["stage"], _event(found))

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


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
        received=datetime.fromisoformat(line["requestReceivedTimestamp"]),
    )
