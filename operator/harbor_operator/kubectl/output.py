"""Text, JSON and YAML on standard output: the same on a terminal and in a pipe."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

FORMAT_VERSION = 1
"""The field `version` of every JSON answer; a change that breaks a reader raises it."""

MIN_WIDTH = 40
_CLEAR_LINE = "\r\x1b[K"
MAX_WIDTH = 120
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def write(lines: Iterator[str] | Sequence[str]) -> None:
    """Prints lines, without control characters of another origin."""
    for line in lines:
        sys.stdout.write(f"{printable(line)}\n")
    sys.stdout.flush()


def write_json(content: Mapping[str, Any]) -> None:
    """Prints one JSON object with the version of the format."""
    sys.stdout.write(json.dumps({"version": FORMAT_VERSION, **content}, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def write_yaml(content: Mapping[str, Any]) -> None:
    """Prints the same object as YAML, for a verb that needs the whole package."""
    import yaml  # noqa: PLC0415 - not in the single file

    yaml.safe_dump({"version": FORMAT_VERSION, **content}, sys.stdout, sort_keys=False, allow_unicode=True)
    sys.stdout.flush()


def notice(text: str) -> None:
    """Prints a line on standard error."""
    sys.stderr.write(f"{printable(text)}\n")


def show_progress(running: Collection[str]) -> None:
    """Shows on a terminal what still runs, in a line of standard error that the next call replaces."""
    if sys.stderr.isatty():
        text = f"checking {', '.join(running)}" if running else ""
        sys.stderr.write(f"{_CLEAR_LINE}{printable(text)[: shutil.get_terminal_size().columns - 1]}")
        sys.stderr.flush()


def printable(text: str) -> str:
    """Returns the text with each control character replaced: a message in the cluster must not command a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def wrapped(text: str, indent: str) -> list[str]:
    """Returns the lines of a text within the width of the terminal, each with the indentation."""
    width = min(max(shutil.get_terminal_size().columns, MIN_WIDTH), MAX_WIDTH)
    return textwrap.wrap(printable(text), width, initial_indent=indent, subsequent_indent=indent) or []


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields the rows in columns, as kubectl prints them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def age(moment: str, now: datetime) -> str:
    """Returns the time since an RFC 3339 time in at most two units, for example '3d4h'; '?' if it is no time."""
    try:
        seconds = int((now - datetime.fromisoformat(moment)).total_seconds())
    except (ValueError, TypeError):
        return "?"
    return duration(max(seconds, 0))


def duration(seconds: int) -> str:
    """Returns seconds in at most two units, for example '3d4h'."""
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return "".join(parts[:2]) or "0s"
