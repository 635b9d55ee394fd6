"""`plan`: what the operator would create, change or remove for a spec. Nothing is written."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple

from harbor_operator.kubectl.cluster import connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import wrapped, write, write_json
from harbor_operator.kubectl.target import target_of


class Action(StrEnum):
    """What the operator would do with a subject."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    KEEP = "keep"
    CONFLICT = "conflict"
    UNOBSERVED = "not observed"


_SIGNS = {
    Action.CREATE: "+",
    Action.CHANGE: "~",
    Action.REMOVE: "-",
    Action.KEEP: "=",
    Action.CONFLICT: "✘",
    Action.UNOBSERVED: "?",
}


class Line(NamedTuple):
    """One line of the plan: `where` is a path of the spec, `code` a heading of docs/problems.md for a conflict."""

    where: str
    action: Action
    subject: str
    details: tuple[str, ...] = ()
    code: str = ""
    remedy: str = ""


def run(options: argparse.Namespace) -> int:
    """Prints the plan; returns 0 if everything was observed and nothing would change, else 1."""
    try:
        from harbor_operator.kubectl.planning.planner import Options, make_plan  # noqa: PLC0415 - not in the file
    except ImportError:
        text = "`plan` needs the whole package, and this is the single file: run `uv tool install ./harbor-operator`"
        raise CommandError(text) from None
    with connect(target_of(options)) as cluster:
        grants = tuple(entry.strip() for entry in options.injection_namespaces.split(","))
        found = make_plan(
            cluster, options.filename, Options(options.cluster_id, grants, options.timeout, options.clock)
        )
    if options.output == "json":
        write_json(as_json(found.registry, found.lines))
    else:
        write(text_of(found.registry, found.lines))
    return 0 if {line.action for line in found.lines} <= {Action.KEEP} else 1


def as_json(registry: str, lines: Sequence[Line]) -> dict[str, Any]:
    """Returns the plan as it is printed as JSON."""
    actions = {line.action for line in lines}
    return {
        "registry": registry,
        "changes": bool(actions & {Action.CREATE, Action.CHANGE, Action.REMOVE}),
        "conflicts": Action.CONFLICT in actions,
        "complete": Action.UNOBSERVED not in actions,
        "lines": [{**line._asdict(), "details": [*line.details]} for line in lines],
    }


def text_of(registry: str, lines: Sequence[Line]) -> Iterator[str]:
    """Yields the plan as text, by section of the spec."""
    counts = Counter(line.action for line in lines)
    yield f"{registry}: {', '.join(f'{counts[action]} {action}' for action in Action)}"
    for where, section in groupby(lines, lambda line: line.where):
        yield from ("", where)
        for line in section:
            yield from _text(line)


def _text(line: Line) -> Iterator[str]:
    title = f"  {_SIGNS[line.action]} {line.action:12}"
    if line.code:
        yield f"{title} {line.code}"
        yield from wrapped(line.subject, "      ")
        yield from wrapped(f"Remedy: {line.remedy}", "      ")
        return
    first, *more = wrapped(line.subject, " " * (len(title) + 1))
    yield from (f"{title} {first.strip()}", *more)
    yield from (f"      {detail}" for detail in line.details)
