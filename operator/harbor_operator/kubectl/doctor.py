"""`doctor`: what of a spec will not work, before the operator installs it or while it runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from harbor_operator.kubectl.cluster import connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.findings import Finding, Level, has_error
from harbor_operator.kubectl.junit import junit
from harbor_operator.kubectl.output import show_progress, wrapped, write, write_json, write_yaml
from harbor_operator.kubectl.target import target_of

CLUSTER_ID_PATH = "/api/v1/namespaces/kube-system"


_SIGNS = {Level.OK: "✔", Level.WARNING: "!", Level.ERROR: "✘"}


def run(options: argparse.Namespace) -> int:
    """Prints the findings; returns 1 if one of them is an error."""
    key, findings = _check_in_cluster(options) if options.in_cluster else _check(options)
    match options.output:
        case "json":
            write_json(as_mapping(key, findings))
        case "yaml":
            write_yaml(as_mapping(key, findings))
        case "junit":
            write(junit(key, findings).splitlines())
        case _:
            write(lines(key, findings))
    return 1 if has_error(findings) else 0


def _check_in_cluster(options: argparse.Namespace) -> tuple[str, list[Finding]]:
    from harbor_operator.kubectl.in_cluster import check_in_cluster  # noqa: PLC0415 - loaded when needed

    with connect(target_of(options)) as cluster:
        return check_in_cluster(cluster, options)


def _check(options: argparse.Namespace) -> tuple[str, list[Finding]]:
    """Returns the registry ('namespace/name') and its findings from this computer. Raises CommandError."""
    if options.service_account:
        raise CommandError("`--service-account` is the account of the Job: add `--in-cluster`")
    try:
        from harbor_operator.kubectl.operator_settings import OperatorSettings  # noqa: PLC0415 - not in the file
        from harbor_operator.kubectl.preflight import Options, check, parse_sources  # noqa: PLC0415
        from harbor_operator.kubectl.rendered import read_registry  # noqa: PLC0415
    except ImportError:
        text = "`doctor` needs the whole package, and this is the single file: run `uv tool install ./harbor-operator`"
        raise CommandError(text) from None
    settings = OperatorSettings(parse_sources(options.chart_sources))
    target = target_of(options)
    # A request runs in a thread, which the deadline of a check cannot end.
    target = target._replace(timeout_seconds=min(target.timeout_seconds, options.timeout))
    with connect(target) as cluster:
        cluster_id = options.cluster_id or cluster.get(CLUSTER_ID_PATH)["metadata"]["uid"]
        registry = read_registry(options.filename, cluster.namespace, cluster_id)
        limits = Options(settings, options.only, options.timeout, options.clock, show_progress)
        return registry.key, check(cluster, registry, limits)


def as_mapping(key: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """Returns the findings of a registry as they are printed as JSON and YAML."""
    listed = [{**finding._asdict(), "level": finding.level.value} for finding in findings]
    return {"registry": key, "ok": not has_error(findings), "findings": listed}


def lines(key: str, findings: Sequence[Finding]) -> Iterator[str]:
    """Yields the findings of a registry as text."""
    yield key
    for finding in findings:
        yield f"{_SIGNS[finding.level]} {finding.where:18} {finding.code}"
        yield from wrapped(finding.text, "    ")
        if finding.remedy:
            yield from wrapped(f"Remedy: {finding.remedy}", "    ")
