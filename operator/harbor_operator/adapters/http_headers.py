"""Values of HTTP headers that more than one client reads."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from yarl import URL

from harbor_operator.model.storage import ObjectPart

MAX_RETRY_AFTER_SECONDS = 120.0
"""The limit for any server, so that one answer cannot stop the operator for hours."""


_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Returns the seconds that `Retry-After` asks for, at most MAX_RETRY_AFTER_SECONDS; None if it names no time.

    The value is a number of seconds or an HTTP date (RFC 9110, 10.2.3); a date in the past means 0.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), MAX_RETRY_AFTER_SECONDS)
    try:
        date = parsedate_to_datetime(text)
        # "-0000" parses to a naive date; RFC 9110 knows no other zone than GMT.
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
        seconds = (date - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def content_range(value: str) -> tuple[int, int] | None:
    """Returns the first byte and the size of the whole from `Content-Range` (RFC 9110, 14.4); None without both."""
    found = _CONTENT_RANGE.fullmatch(value.strip())
    return (int(found[1]), int(found[2])) if found else None


def requested_part(content_range_header: str, body: bytes, offset: int, size: int) -> ObjectPart | None:
    """Returns the body as the part of an object that was requested; None if it is another part.

    An empty body is at or behind the end: a store may answer a range of an empty object with all of it.
    """
    if not body:
        return ObjectPart(b"", offset)
    found = content_range(content_range_header)
    if found is None or found[0] != offset or len(body) != min(size, found[1] - offset):
        return None
    return ObjectPart(body, found[1])


def host_header(url: URL) -> str:
    """Returns the Host header as the HTTP client sends it: without the default port of the scheme."""
    name = url.host_subcomponent or ""
    return name if url.is_default_port() else f"{name}:{url.port}"
