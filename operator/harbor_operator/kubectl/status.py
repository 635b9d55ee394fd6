"""`status`: the conditions of a HarborRegistry as a tree, with causes, remedies and ages."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from harbor_operator.kubectl.cluster import Cluster, Manifest, connect
from harbor_operator.kubectl.output import age, notice, wrapped, write, write_json
from harbor_operator.kubectl.registries import (
    changing,
    condition_of,
    is_ready,
    key_of,
    list_registries,
    status_of,
)
from harbor_operator.kubectl.target import target_of
from harbor_operator.reasons import Reason

_SIGNS = {"True": "✔", "False": "✘", "Unknown": "?"}
_SUMMARIES = {"Ready", "Reconciling", "Stalled"}


def run(options: argparse.Namespace) -> int:
    """Prints the registries; returns 1 if one of them is not Ready."""
    with connect(target_of(options)) as cluster:
        if options.watch:
            for registries in changing(cluster, options.name, everywhere=options.all_namespaces):
                _print(registries, options)
        registries, _ = list_registries(cluster, options.name, everywhere=options.all_namespaces)
        _print(registries, options)
        if not registries:
            notice(_nothing(cluster, everywhere=options.all_namespaces))
    return 0 if all(map(is_ready, registries)) else 1


def _print(registries: Sequence[Manifest], options: argparse.Namespace) -> None:
    now = options.clock()
    if options.output == "json":
        write_json({"registries": [as_json(registry) for registry in registries]})
        return
    for registry in registries:
        write([*lines(registry, now), ""])


def as_json(registry: Manifest) -> dict[str, Any]:
    """Returns a registry as it is printed as JSON: its status, and the remedies of what is not True."""
    status = status_of(registry)
    return {
        "namespace": registry["metadata"]["namespace"],
        "name": registry["metadata"]["name"],
        "url": registry["spec"]["externalURL"],
        "ready": is_ready(registry),
        "status": status,
        "remedies": {
            condition["reason"]: remedy
            for condition in status.get("conditions") or []
            if (remedy := _remedy(condition))
        },
    }


def lines(registry: Manifest, now: datetime) -> Iterator[str]:
    """Yields the text about one registry."""
    status = status_of(registry)
    yield f"{key_of(registry)}  {registry['spec']['externalURL']}{_release(status)}"
    yield _summary(registry, now)
    branches = [condition for condition in status.get("conditions") or [] if condition["type"] not in _SUMMARIES]
    for condition in branches:
        is_last = condition is branches[-1]
        yield f"{'└─' if is_last else '├─'} {_row(condition, now)}"
        yield from _details(condition, "   " if is_last else "│  ")
    yield from _upgrade(status)
    yield from _warnings(status)
    yield from _pull_secrets(status, now)


def _release(status: Manifest) -> str:
    parts = [
        f"{title} {status[key]}"
        for title, key in (("Harbor", "harborVersion"), ("chart", "chartVersion"), ("revision", "releaseRevision"))
        if status.get(key)
    ]
    return f"  ({', '.join(parts)})" if parts else ""


def _summary(registry: Manifest, now: datetime) -> str:
    ready = condition_of(registry, "Ready")
    if not ready:
        return "? Ready: the operator has not seen this HarborRegistry yet; check that it runs"
    state = next((f", {kind}" for kind in ("Stalled", "Reconciling") if condition_of(registry, kind)), "")
    is_old = status_of(registry).get("observedGeneration") != registry["metadata"]["generation"]
    return f"{_row(ready, now)}{state}{', not for the current spec yet' if is_old else ''}"


def _row(condition: Manifest, now: datetime) -> str:
    sign, since = _SIGNS.get(condition["status"], "?"), age(condition["lastTransitionTime"], now)
    return f"{sign} {condition['type']:18} {condition['status']:8} {condition['reason']}  {since}"


def _remedy(condition: Manifest) -> str:
    """Returns the remedy of a condition that is not True; empty if it has none of its own."""
    if condition["status"] == "True" or condition["type"] in _SUMMARIES:
        return ""
    if condition["reason"] == Reason.WAITING_FOR_DEPENDENCY:
        return ""  # the remedy is that of another condition
    from harbor_operator.checks.catalogue.search import problems  # noqa: PLC0415 - not while all is well

    problem = problems().get(condition["reason"])
    return problem.remedy if problem else ""


def _details(condition: Manifest, indent: str) -> Iterator[str]:
    if condition["status"] != "True":
        yield from wrapped(condition["message"], f"{indent}    ")
    if remedy := _remedy(condition):
        yield from wrapped(f"Remedy: {remedy}", f"{indent}    ")


def _upgrade(status: Manifest) -> Iterator[str]:
    found = status.get("upgrade")
    if not found:
        return
    is_running = any(condition["reason"] == Reason.RELEASE_UPGRADING for condition in status.get("conditions") or [])
    yield f"Upgrade from chart {found['current']} to {found['target']}:"
    for step in found["steps"]:
        migration = ", migrates the database" if step["migratesDatabase"] else ""
        yield f"  chart {step['version']} (Harbor {step['harborVersion']}{migration})"
        for cause in step.get("waitsFor") or []:
            yield from wrapped(f"waits for {cause}", "      ")
        if not step.get("waitsFor"):
            yield "      runs now" if is_running else "      is confirmed: see ReleaseReady"


def _warnings(status: Manifest) -> Iterator[str]:
    for warning in status.get("warnings") or []:
        yield f"! {warning['code']}"
        yield from wrapped(warning["message"], "    ")


def _pull_secrets(status: Manifest, now: datetime) -> Iterator[str]:
    found = status.get("pullSecrets")
    if not found:
        return
    yield f"Pull Secret '{found.get('secretName', '')}': ready in {found['ready']} of {found['namespaces']} namespaces"
    failures = found.get("failures") or []
    for failure in failures:
        yield f"  ✘ {failure['namespace']}: {failure['reason']}"
        yield from wrapped(failure["message"], "      ")
    shown = sum(failure["reason"] != Reason.PULL_PROOF_FAILED for failure in failures)
    if found["failed"] > shown:
        yield f"  and {found['failed'] - shown} more failed"
    if found.get("rotatedAt"):
        ends = f", expires at {found['expiresAt']}" if found.get("expiresAt") else ""
        yield f"Credential '{found.get('robot') or 'from a Secret'}': {age(found['rotatedAt'], now)} old{ends}"


def _nothing(cluster: Cluster, *, everywhere: bool) -> str:
    where = "the cluster" if everywhere else f"namespace '{cluster.namespace}'"
    return f"no HarborRegistry in {where}" + ("" if everywhere else "; `-A` shows all namespaces")
