"""What is not clean yet, per guard, and since when. Each guard fails on an entry that is clean: lists only shrink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def differences(found: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Returns each violation that is not allowed, and each entry that allows nothing any more."""
    violations, entries = set(found), set(allowed)
    new = [f"violation: {what}" for what in sorted(violations - entries)]
    return new + [f"clean, remove the entry: {what}" for what in sorted(entries - violations)]


SINCE = "2026-11-27"

WITHOUT_MODULE: Mapping[str, str] = {}
UNNAMED_FIXTURES: Mapping[str, str] = {}
NUMBERS_WITHOUT_UNIT: Mapping[str, str] = {}
ADAPTERS_WITHOUT_PORT: Mapping[str, str] = {}
REPEATED_DOCSTRINGS: Mapping[str, str] = {}
TWIN_DOCSTRINGS: Mapping[str, str] = {}
MISPLACED_IMPORTS: Mapping[str, str] = {}
