"""The audit log reader counts each request once, and separates requests before and after a mark."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lab.audit import AuditLog

if TYPE_CHECKING:
    from pathlib import Path


def record(identity: str, stage: str, verb: str = "create", received: datetime | None = None) -> str:
    fields = {
        "auditID": identity,
        "stage": stage,
        "verb": verb,
        "requestURI": f"/{identity}",
        "requestReceivedTimestamp": (received or datetime.now(UTC)).isoformat(timespec="microseconds"),
        "user": {"username": "a-client"},
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


def test_a_write_counts_once_and_a_read_is_not_a_write(path: Path) -> None:
    append(path, record("a", "RequestReceived"), record("a", "ResponseComplete"))
    append(path, record("b", "ResponseComplete", verb="list"))
    assert names(AuditLog(path)) == ["a"]


def test_a_dry_run_and_an_issued_token_store_nothing(path: Path) -> None:
    dry_run, token = json.loads(record("a", "ResponseComplete")), json.loads(record("b", "ResponseComplete"))
    dry_run["requestURI"] += "?dryRun=All"
    token["objectRef"]["subresource"] = "token"
    append(path, f"{json.dumps(dry_run)}\n", f"{json.dumps(token)}\n", record("c", "ResponseComplete"))
    assert names(AuditLog(path)) == ["c"]


def test_only_requests_after_the_mark_count(path: Path) -> None:
    log = AuditLog(path)
    append(path, record("a", "RequestReceived"), record("a", "ResponseComplete"))
    mark = log.mark()
    append(path, record("b", "RequestReceived"), record("b", "ResponseComplete"))
    assert names(log, mark) == ["b"]


def test_a_request_that_is_logged_after_the_mark_but_was_received_before_does_not_count(path: Path) -> None:
    """Finding R22: the server answers a client before it writes the record of the answer."""
    log, received = AuditLog(path), datetime.now(UTC)
    append(path, record("a", "RequestReceived", received=received))
    mark = log.mark()
    append(path, record("a", "ResponseComplete", received=received))
    append(path, record("b", "ResponseComplete", verb="list", received=received))
    assert log.since(mark) == []
    assert [event.name for event in log.since()] == ["a", "b"]


def test_each_poll_counts_what_was_added_since_the_one_before(path: Path) -> None:
    log = AuditLog(path)
    append(path, record("a", "ResponseComplete"))
    mark = log.mark()
    append(path, record("b", "ResponseComplete"))
    incomplete = record("c", "ResponseComplete")
    append(path, incomplete[:20])
    assert names(log, mark) == ["b"]
    append(path, incomplete[20:], record("d", "ResponseComplete"))
    assert names(log, mark) == ["b", "c", "d"]
    assert names(log) == ["a", "b", "c", "d"]
    assert names(log, mark) == ["b", "c", "d"]


def test_the_answer_of_a_pending_write_is_awaited(path: Path) -> None:
    append(path, record("a", "RequestReceived"))
    answer = threading.Timer(0.1, append, (path, record("a", "ResponseComplete")))
    answer.start()
    assert names(AuditLog(path)) == ["a"]
    answer.join()


def test_the_answer_of_a_killed_server_is_not_awaited(path: Path) -> None:
    log = AuditLog(path)
    append(path, record("a", "RequestReceived"), record("b", "ResponseComplete")[:40])
    log.server_killed()
    append(path, record("c", "RequestReceived"), record("c", "ResponseComplete"))
    assert names(log) == ["c"]


def test_an_incomplete_record_is_ignored(path: Path) -> None:
    append(path, record("a", "ResponseComplete"), record("b", "ResponseComplete")[:40])
    assert names(AuditLog(path)) == ["a"]


def test_a_mark_inside_a_record_is_no_error(path: Path) -> None:
    log = AuditLog(path)
    earlier = record("a", "RequestReceived")
    append(path, earlier[:20])
    mark = log.mark()
    append(path, earlier[20:], record("b", "RequestReceived"), record("b", "ResponseComplete"))
    assert names(log, mark) == ["b"]
