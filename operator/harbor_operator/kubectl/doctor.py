"""`doctor`: what of a spec will not work, before the operator installs it or while it runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from harbor_operator.kubectl.cluster import connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import wrapped, write, write_json
from harbor_operator.kubectl.target import target_of

CLUSTER_ID_PATH = "/api/v1/namespaces/kube-system"


class Level(StrEnum):
    """How a finding counts; an error makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


_SIGNS = {Level.OK: "✔", Level.WARNING: "!", Level.ERROR: "✘"}


class Finding(NamedTuple):
    """One finding: the code is a heading of docs/problems.md, `where` a path of the spec."""

    level: Level
    code: str
    where: str
    text: str
    remedy: str


def run(options: argparse.Namespace) -> int:
    """Prints the findings; returns 1 if one of them is an error."""
    try:
        from harbor_operator.kubectl.preflight import Options, check, parse_sources  # noqa: PLC0415 - not in the file
        from harbor_operator.kubectl.rendered import read_registry  # noqa: PLC0415
    except ImportError:
        text = "`doctor` needs the whole package, and this is the single file: run `uv tool install ./harbor-operator`"
        raise CommandError(text) from None
    sources = parse_sources(options.chart_sources)
    with connect(target_of(options)) as cluster:
        cluster_id = options.cluster_id or cluster.get(CLUSTER_ID_PATH)["metadata"]["uid"]
        registry = read_registry(options.filename, cluster.namespace, cluster_id)
        findings = check(cluster, registry, Options(sources, options.only, options.timeout, options.clock))
    key, is_ok = f"{registry.metadata.namespace}/{registry.metadata.name}", not has_error(findings)
    if options.output == "json":
        write_json({"registry": key, "ok": is_ok, "findings": [finding._asdict() for finding in findings]})
    else:
        write(lines(key, findings))
    return 0 if is_ok else 1


def has_error(findings: Sequence[Finding]) -> bool:
    """Whether one of the findings makes the exit code 1."""
    return any(finding.level is Level.ERROR for finding in findings)


def lines(key: str, findings: Sequence[Finding]) -> Iterator[str]:
    """Yields the findings of a registry as text."""
    yield key
    for finding in findings:
        yield f"{_SIGNS[finding.level]} {finding.where:18} {finding.code}"
        yield from wrapped(finding.text, "    ")
        if finding.remedy:
            yield from wrapped(f"Remedy: {finding.remedy}", "    ")
