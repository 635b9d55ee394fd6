"""The generated part of docs/kubectl-harbor.md: the rights of every verb, and its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harbor_operator.kubectl.arguments import CLUSTER_ARGUMENTS, Argument
from harbor_operator.kubectl.rights import Right, Scope
from harbor_operator.kubectl.verb import Verb
from harbor_operator.kubectl.verbs import VERBS

PAGE = Path(__file__).parents[1] / "docs" / "kubectl-harbor.md"
MARK = "<!-- Generated below from operator/harbor_operator/kubectl/verbs.py by `make docs`; do not edit. -->"


def page() -> str:
    """Returns the text of the page: what is written by hand above the mark, and the tables."""
    introduction = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    lines = [f"{introduction}{MARK}", "", "## Rights", ""]
    lines += ["The rules that each verb needs, and no more. The tests run each verb under exactly these.", ""]
    lines += ["| Verb | Where | Resource | Verbs |", "|---|---|---|---|"]
    for verb in VERBS:
        lines += [_right(verb, right) for right in verb.rights] or [f"| `{verb.name}` | | none | |"]
    lines += ["", "## Verbs", ""]
    for verb in VERBS:
        lines += _section(verb)
    lines += [
        "## Access to the cluster",
        "",
        "Every verb with rights takes these arguments.",
        "",
        *_table(CLUSTER_ARGUMENTS),
    ]
    return "\n".join([*lines, ""])


def _right(verb: Verb, right: Right) -> str:
    names = f" ({', '.join(f'`{name}`' for name in right.names)})" if right.names else ""
    resource = f"{right.resource}.{right.group}" if right.group else right.resource
    place = "the whole cluster" if right.scope is Scope.CLUSTER else right.scope.value
    return f"| `{verb.name}` | {place} | `{resource}`{names} | {', '.join(right.verbs)} |"


def _section(verb: Verb) -> list[str]:
    title = f"{verb.help[0].upper()}{verb.help[1:]}."
    arguments = ["", *_table(verb.arguments)] if verb.arguments else []
    return [f"### {verb.name}", "", f"{title} {verb.description}".strip(), *arguments, ""]


def _table(arguments: tuple[Argument, ...]) -> Iterator[str]:
    yield from ("| Argument | Meaning |", "|---|---|")
    for argument in arguments:
        names = ", ".join(f"`{_shown(name, argument)}`" for name in argument.names)
        yield f"| {names} | {argument.help} |"


def _shown(name: str, argument: Argument) -> str:
    if not name.startswith("-"):
        return str(argument.options.get("metavar", name.upper())).replace("|", "\\|")
    return name
