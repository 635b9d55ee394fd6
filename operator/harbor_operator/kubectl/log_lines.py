"""`logs`: known problems in the logs of Harbor's pods, in a file, or on standard input, with line numbers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harbor_operator.checks.catalogue.search import problems, recognize
from harbor_operator.kubectl.cluster import Cluster, Manifest, connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import notice, wrapped, write, write_json
from harbor_operator.kubectl.registries import the_registry
from harbor_operator.kubectl.target import target_of

MAX_SHOWN_LINES = 5
MAX_SHOWN_CHARACTERS = 300
STANDARD_INPUT = "-"


class Hit(NamedTuple):
    """A line that shows a known problem; the source is a file or 'pod/container'."""

    source: str
    line: int
    problem: str
    text: str


def run(options: argparse.Namespace) -> int:
    """Prints the lines with a known problem, then each cause and remedy; returns 1 if there is one."""
    if options.file:
        hits = list(find_hits(options.file, _file_lines(options.file)))
    else:
        with connect(target_of(options)) as cluster:
            hits = list(_cluster_hits(cluster, options))
    if options.output == "json":
        write_json({"hits": [_as_json(hit) for hit in hits]})
    else:
        write(_lines(hits))
    if not hits:
        notice("no line shows a known problem")
    return 1 if hits else 0


def find_hits(source: str, lines: Iterable[str]) -> Iterator[Hit]:
    """Yields the lines that show a known problem; the first line is 1."""
    for number, line in enumerate(lines, start=1):
        for problem in recognize(line):
            yield Hit(source, number, problem, line.strip()[:MAX_SHOWN_CHARACTERS])


def release_of(registry: Manifest) -> str:
    """Returns the name of the Helm release of a registry."""
    release = registry["spec"].get("release") or {}
    return str(release.get("name") or registry["metadata"]["name"])


def pods_of(cluster: Cluster, registry: Manifest) -> list[Manifest]:
    """Returns the pods of a registry's release. Raises RequestError."""
    path = f"/api/v1/namespaces/{registry['metadata']['namespace']}/pods"
    found: list[Manifest] = cluster.get(path, labelSelector=f"release={release_of(registry)}")["items"]
    return found


def containers_with_log(pod: Manifest) -> list[str]:
    """Returns the names of the containers of a pod that have started; the others have no log yet."""
    return [
        status["name"]
        for status in pod.get("status", {}).get("containerStatuses") or []
        if status.get("lastState") or "waiting" not in (status.get("state") or {"waiting": {}})
    ]


def log_of(cluster: Cluster, pod: Manifest, container: str, tail: int) -> Iterator[str]:
    """Yields the last lines of a container's log. Raises RequestError."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
    yield from cluster.lines(path, container=container, tailLines=str(tail))


def _file_lines(name: str) -> Iterator[str]:
    if name == STANDARD_INPUT:
        yield from sys.stdin
        return
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as lines:
            yield from lines
    except OSError as error:
        raise CommandError(f"`--file {name}` cannot be read: {error.strerror}") from None


def _cluster_hits(cluster: Cluster, options: argparse.Namespace) -> Iterator[Hit]:
    pods = pods_of(cluster, the_registry(cluster, options.name))
    for pod in pods:
        started = containers_with_log(pod)
        for name in (container["name"] for container in pod["spec"]["containers"]):
            if options.component not in ("", name, (pod["metadata"].get("labels") or {}).get("component")):
                continue
            source = f"{pod['metadata']['name']}/{name}"
            if name in started:
                yield from find_hits(source, log_of(cluster, pod, name, options.tail))
            else:
                notice(f"{source} has not started, so it has no log")


def _lines(hits: Sequence[Hit]) -> Iterator[str]:
    for problem in dict.fromkeys(hit.problem for hit in hits):
        found = [hit for hit in hits if hit.problem == problem]
        yield f"{problem}  ({len(found)} {'line' if len(found) == 1 else 'lines'})"
        yield from (f"  {hit.source}:{hit.line}: {hit.text}" for hit in found[:MAX_SHOWN_LINES])
        if len(found) > MAX_SHOWN_LINES:
            yield f"  and {len(found) - MAX_SHOWN_LINES} more, the last one at {found[-1].source}:{found[-1].line}"
        yield from wrapped(f"Cause: {problems()[problem].cause}", "  ")
        yield from wrapped(f"Remedy: {problems()[problem].remedy}", "  ")
        yield ""


def _as_json(hit: Hit) -> dict[str, Any]:
    return {**hit._asdict(), "remedy": problems()[hit.problem].remedy}
