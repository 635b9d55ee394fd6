"""The API server's own record of who asked what: the means to count requests exactly.

    log = control_plane.audit
    mark = log.mark()
    ...                                     # let something happen
    log.writes_since(mark, user="system:serviceaccount:harbor-operator:harbor-operator")   -> list[AuditEvent]
    log.since(mark, user=None, verbs={"list", "watch"})

A write is recorded twice, when it arrives (before it is carried out) and when it is answered, so the reader can wait
for the second line of each: a write that a client knows to be done is never missed. Reads are recorded only once,
when answered.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
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
"""Metadata only: no Secret's content ever reaches the log."""


@dataclass(frozen=True)
class AuditEvent:
    """One answered request."""

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

    def mark(self) -> int:
        """This moment; a request under way now counts as after it."""
        return self.path.stat().st_size if self.path.exists() else 0

    def server_killed(self) -> None:
        """Take note that the server was killed just now: what it had not answered will never be."""
        with self.path.open("ab") as log:
            log.write(b"\n")  # ends the line that was perhaps being written
        self._killed_at = self.mark()

    def since(
        self, mark: int = 0, *, user: str | None = None, verbs: AbstractSet[str] | None = None
    ) -> list[AuditEvent]:
        """Requests answered since `mark`, oldest first; of `user` only and with one of `verbs` only, where given."""
        return [
            event
            for event in map(_event, self._settled(mark))
            if (user is None or event.user == user) and (verbs is None or event.verb in verbs)
        ]

    def writes_since(self, mark: int = 0, user: str | None = None) -> list[AuditEvent]:
        """Requests since `mark` that change something (or, if refused, would have)."""
        return self.since(mark, user=user, verbs=WRITES)

    def _settled(self, mark: int) -> list[dict[str, Any]]:
        """The answered requests since `mark`, once every write that had arrived when we began is answered."""
        end = time.monotonic() + SETTLE_SECONDS
        lines = list(self._lines(mark))
        lost = {line["auditID"] for line in self._lines(mark, self._killed_at)}
        awaited = {line["auditID"] for line in lines if line["stage"] == "RequestReceived"} - lost
        while awaited - {line["auditID"] for line in lines if line["stage"] != "RequestReceived"}:
            if time.monotonic() > end:
                raise LabError(f"{len(awaited)} writes in '{self.path}' are still unanswered after {SETTLE_SECONDS} s")
            time.sleep(0.02)
            lines = list(self._lines(mark))
        return [line for line in lines if line["stage"] in {"ResponseComplete", "Panic"}]

    def _lines(self, mark: int, end: float = float("inf")) -> Iterator[dict[str, Any]]:
        """The records that begin between two places; half a record of a killed server is passed over."""
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            log.seek(mark)
            at = mark
            for line in log:
                begin, at = at, at + len(line)
                if begin >= end or not line.endswith(b"\n"):  # the last line may still be under way
                    return
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    if begin >= self._killed_at:
                        raise


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
