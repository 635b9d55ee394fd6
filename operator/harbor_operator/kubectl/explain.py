"""`explain`: symptom, cause and remedy of a reason, an alert, or a text that a person sees."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from harbor_operator.checks.catalogue.search import find, problems
from harbor_operator.kubectl.output import notice, wrapped, write, write_json

MAX_EXPLAINED = 5


def run(options: argparse.Namespace) -> int:
    """Prints the explanations that fit; returns 1 if none does."""
    query = " ".join(options.text)
    headings = find(query)
    if options.output == "json":
        write_json({"query": query, "problems": [as_json(heading) for heading in headings]})
    else:
        write(_lines(headings[:MAX_EXPLAINED]))
    if len(headings) > MAX_EXPLAINED and options.output != "json":
        notice(f"also: {', '.join(headings[MAX_EXPLAINED:])}")
    if not headings:
        notice(f"nothing fits '{query}': use a part of the message, or see docs/problems.md")
    return 0 if headings else 1


def as_json(heading: str) -> dict[str, Any]:
    """Returns an explanation as it is printed as JSON."""
    problem = problems()[heading]
    return {"name": heading, **problem._asdict(), "texts": list(problem.texts)}


def _lines(headings: Sequence[str]) -> Iterator[str]:
    for number, heading in enumerate(headings):
        problem = problems()[heading]
        if number:
            yield ""
        yield heading
        for title, text in (("Symptom", problem.symptom), ("Cause", problem.cause), ("Remedy", problem.remedy)):
            yield f"  {title}:"
            yield from wrapped(text, "    ")
        if problem.texts:
            yield "  Texts:"
            yield from (f"    {text}" for text in problem.texts)
