"""`Retry-After` in both of its forms, and `Content-Range` of the part that was requested."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harbor_operator.adapters.http_headers import MAX_RETRY_AFTER_SECONDS, requested_part, retry_after_seconds
from harbor_operator.model.storage import ObjectPart

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("120", 120),
        ("3600", MAX_RETRY_AFTER_SECONDS),
        ("9" * 5000, MAX_RETRY_AFTER_SECONDS),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 23 Nov 2026 13:00:00 GMT", MAX_RETRY_AFTER_SECONDS),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u00b2", None),
        ("Mon, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOON) == seconds


@pytest.mark.parametrize(
    ("header", "body", "part"),
    [
        ("bytes 4-5/9", b"ab", ObjectPart(b"ab", 9)),
        ("bytes 4-4/5", b"a", ObjectPart(b"a", 5)),
        ("", b"", ObjectPart(b"", 4)),
        ("bytes 0-1/9", b"ab", None),
        ("bytes 4-5/9", b"a", None),
        ("bytes */9", b"ab", None),
        ("", b"ab", None),
    ],
)
def test_a_part_is_the_one_that_was_requested(header: str, body: bytes, part: ObjectPart | None) -> None:
    assert requested_part(header, body, 4, 2) == part
