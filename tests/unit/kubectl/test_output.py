"""Text for people: ages, tables and messages of other origin."""

from __future__ import annotations

import contextlib
import io
import os
from datetime import UTC, datetime

import pytest

from harbor_operator.kubectl.output import age, duration, printable, show_progress, table

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (61, "1m1s"), (3600, "1h"), (273600, "3d4h"), (86461, "1d")]
)
def test_a_duration_has_at_most_two_units(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_an_age() -> None:
    assert age("2026-01-01T11:58:00Z", NOON) == "2m"
    assert age("2026-01-01T12:00:05Z", NOON) == "0s"
    assert age("yesterday", NOON) == "?"


def test_a_message_cannot_command_a_terminal() -> None:
    assert printable("a\x1b[2Jb\nc\x9bd") == "a [2Jb c d"
    assert printable("✔ grün") == "✔ grün"


def test_a_table_has_columns() -> None:
    assert list(table([("A", "B"), ("long", "x")])) == ["A      B", "long   x"]


def test_progress_is_a_line_of_a_terminal_that_the_next_one_replaces() -> None:
    reader, writer = os.openpty()
    with (
        os.fdopen(reader, "rb", buffering=0) as terminal,
        os.fdopen(writer, "w") as error,
        contextlib.redirect_stderr(error),
    ):
        show_progress(["spec.cache", "spec.storage"])
        assert terminal.read(100) == b"\r\x1b[Kchecking spec.cache, spec.storage"
        show_progress([])
        assert terminal.read(100) == b"\r\x1b[K"


def test_progress_is_not_shown_elsewhere() -> None:
    with contextlib.redirect_stderr(io.StringIO()) as error:
        show_progress(["spec.cache"])
    assert error.getvalue() == ""
