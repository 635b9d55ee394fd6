"""The completion of kubectl for plugins (KEP-2379): one candidate and its description a line, then a directive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harbor_operator.kubectl.areas import Area
from harbor_operator.kubectl.arguments import Argument, Values
from harbor_operator.kubectl.verb import Verb
from harbor_operator.kubectl.verbs import VERBS, arguments_of, verb_named

NO_FILES = ":4"
"""Cobra's ShellCompDirectiveNoFileComp: the shell adds no names of files."""

FILES = ":0"
TIMEOUT_SECONDS = 3.0


def completions(words: Sequence[str]) -> str:
    """Returns the answer for the words after `kubectl harbor`; the last one, which can be empty, is completed."""
    *before, current = words or [""]
    verb = verb_named(before[0]) if before else None
    if verb is None:
        found = [] if before else [(each.name, each.help) for each in VERBS]
        return _answer(found, current)
    argument = _argument(verb, before[1:], current)
    if argument is not None and argument.completes is Values.FILES:
        return f"{FILES}\n"
    if argument is not None and argument.completes is Values.AREAS:
        chosen = "".join(current.rpartition(",")[:2])
        return _answer([(f"{chosen}{area}", "") for area in Area], current)
    return _answer(_candidates(verb, argument, before), current)


def _answer(found: Sequence[tuple[str, str]], current: str) -> str:
    lines = [f"{name}\t{text}" if text else name for name, text in found if name.startswith(current)]
    return "".join(f"{line}\n" for line in (*lines, NO_FILES))


def _argument(verb: Verb, before: Sequence[str], current: str) -> Argument | None:
    """Returns the argument whose value is completed; None for the name of a flag."""
    arguments = arguments_of(verb)
    flag = before[-1] if before else ""
    for argument in arguments:
        if argument.takes_value and flag in argument.names:
            return argument
    if current.startswith("-"):
        return None
    return next((argument for argument in arguments if not argument.names[0].startswith("-")), None)


def _candidates(verb: Verb, argument: Argument | None, before: Sequence[str]) -> list[tuple[str, str]]:
    if argument is None:
        return [(name, each.help) for each in arguments_of(verb) for name in each.names if name.startswith("--")]
    if choices := argument.options.get("choices"):
        return [(str(choice), "") for choice in choices]
    if argument.completes is Values.PROBLEMS:
        from harbor_operator.checks.catalogue.search import problems  # noqa: PLC0415 - loaded when needed

        return [(heading, problem.symptom) for heading, problem in problems().items()]
    return list(_names(argument.completes, before))


def _names(values: Values, before: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields names of objects in the cluster; nothing if it cannot be reached or read."""
    if values is Values.NOTHING:
        return
    from harbor_operator.kubectl.cluster import connect  # noqa: PLC0415 - loaded when needed
    from harbor_operator.kubectl.errors import CommandError  # noqa: PLC0415
    from harbor_operator.kubectl.registries import path_of  # noqa: PLC0415
    from harbor_operator.kubectl.target import target_of_words  # noqa: PLC0415

    try:
        with connect(target_of_words(before)._replace(timeout_seconds=TIMEOUT_SECONDS)) as cluster:
            paths = {
                Values.REGISTRIES: path_of(cluster.namespace),
                Values.NAMESPACES: "/api/v1/namespaces",
                Values.PODS: f"/api/v1/namespaces/{cluster.namespace}/pods",
            }
            for item in cluster.get(paths[values], limit="500")["items"]:
                yield str(item["metadata"]["name"]), ""
    except CommandError:
        return
