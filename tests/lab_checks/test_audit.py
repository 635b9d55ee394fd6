"""The reader of the audit log: nothing twice, nothing lost, nothing waited for in vain."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from lab.audit import AuditLog

if TYPE_CHECKING:
    from pathlib import Path


def record(identity: str, stage: str, verb: str = "create") -> str:
    fields = {
        "auditID": identity,
        "stage": stage,
        "verb": verb,
        "requestURI": f"/{identity}",
        "requestReceivedTimestamp": "2026-11-25T12:00:00.000000Z",
        "user": {"username": "somebody"},
        "objectRef": {"resource": "configmaps", "name": identity},
        "responseStatus": {"code": 201},
    }
    return json.dumps(fields) + "\n"


def append(path: Path, *lines: str) -> None:
    with path.open("a") as log:
        log.write("".join(lines))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def names(log: AuditLog, mark: int = 0) -> list[str]:
    return [event.name for event in log.writes_since(mark)]


def test_a_write_counts_once_and_a_read_is_no_write(path: Path) -> None:
    append(path, record("a", "RequestReceived"), record("a", "ResponseComplete"))
    append(path, record("b", "ResponseComplete", verb="list"))
    assert names(AuditLog(path)) == ["a"]


def test_only_what_was_answered_after_the_mark_counts(path: Path) -> None:
    log = AuditLog(path)
    append(path, record("a", "RequestReceived"), record("a", "ResponseComplete"))
    mark = log.mark()
    append(path, record("b", "RequestReceived"), record("b", "ResponseComplete"))
    assert names(log, mark) == ["b"]


def test_a_write_under_way_is_waited_for(path: Path) -> None:
    append(path, record("a", "RequestReceived"))
    answer = threading.Timer(0.1, append, (path, record("a", "ResponseComplete")))
    answer.start()
    assert names(AuditLog(path)) == ["a"]
    answer.join()


def test_a_write_that_a_killed_server_never_answered_is_not_waited_for(path: Path) -> None:
    log = AuditLog(path)
    append(path, record("a", "RequestReceived"), record("b", "ResponseComplete")[:40])
    log.server_killed()
    append(path, record("c", "RequestReceived"), record("c", "ResponseComplete"))
    assert names(log) == ["c"]


def test_a_record_still_being_written_is_left_for_later(path: Path) -> None:
    append(path, record("a", "ResponseComplete"), record("b", "ResponseComplete")[:40])
    assert names(AuditLog(path)) == ["a"]
