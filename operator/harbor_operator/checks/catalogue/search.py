"""Finds the problems that a person describes, and those that a line of a log or an event shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from harbor_operator.checks.catalogue import ALERTS, CHAPTERS, CLIENTS, Problem
from harbor_operator.reasons import Reason

MIN_CHARACTERS = 3
"""A shorter query, or word of a query, is in nearly every text."""

MAX_TEXT_CHARACTERS = 8192
"""Longer lines are cut: the known texts are short, and the start of a line is where components write them."""


@cache
def problems() -> Mapping[str, Problem]:
    """Returns every explained problem by its heading in docs/problems.md; alerts that name a reason are left out."""
    found = {str(reason): problem for chapter in CHAPTERS.values() for reason, problem in chapter.items()}
    own = {alert: problem for alert, problem in ALERTS.items() if not isinstance(problem, Reason)}
    return {**found, **CLIENTS, **own}


def find(query: str) -> list[str]:
    """Returns the headings that fit a name or a description, the best first.

    A heading is found by its name, in any case. Otherwise by a known text that the query contains or that contains the
    query, then by the words of the query.
    """
    named = {heading.lower(): heading for heading in (*problems(), *ALERTS)}
    query = " ".join(query.lower().split())[:MAX_TEXT_CHARACTERS]
    if exact := named.get(query):
        alias = ALERTS.get(exact)
        return [str(alias) if isinstance(alias, Reason) else exact]
    if len(query) < MIN_CHARACTERS:
        return []
    texts = [heading for heading, problem in problems().items() if _has_text(problem, query)]
    return texts or _by_words(query)


def recognize(line: str) -> tuple[str, ...]:
    """Returns the headings of the problems whose texts are in a line."""
    shortened = line[:MAX_TEXT_CHARACTERS].lower()
    return tuple(dict.fromkeys(heading for heading, pattern in _patterns() if pattern.search(shortened)))


@cache
def _patterns() -> Sequence[tuple[str, re.Pattern[str]]]:
    return [(heading, _pattern(text)) for heading, problem in problems().items() for text in problem.texts]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    # At most 300 characters, so that a long line is searched in linear time.
    return re.compile(".{1,300}?".join(re.escape(part) for part in text.lower().split("…")))


def _has_text(problem: Problem, query: str) -> bool:
    texts = (*problem.texts, problem.symptom)
    return any(query in text.lower() for text in texts) or any(_pattern(text).search(query) for text in problem.texts)


def _by_words(query: str) -> list[str]:
    words = {word for word in re.findall(r"\w+", query) if len(word) >= MIN_CHARACTERS}
    counted = {heading: len(words & set(_words(heading, problem))) for heading, problem in problems().items()}
    best = max(counted.values(), default=0)
    # A sentence of which more than half of the words fit nothing describes another problem.
    return [heading for heading, count in counted.items() if count == best and 2 * count > len(words)]


def _words(heading: str, problem: Problem) -> Iterator[str]:
    named = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading)
    yield from re.findall(r"\w+", f"{named} {problem.symptom} {problem.cause} {' '.join(problem.texts)}".lower())
