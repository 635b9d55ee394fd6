"""`reconcile`, `suspend` and `resume`: one merge patch, and the wait for what the operator makes of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from harbor_operator.api.reconcile_request import RECONCILE_REQUESTED_AT
from harbor_operator.kubectl.cluster import Cluster, Manifest, connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import write, write_json
from harbor_operator.kubectl.registries import (
    condition_of,
    is_ready,
    key_of,
    path_of,
    status_of,
    the_registry,
    wait_for,
)
from harbor_operator.kubectl.target import target_of
from harbor_operator.reasons import Reason

_DONE = {"reconcile": "reconciliation requested", "suspend": "suspended", "resume": "resumed"}


def run(options: argparse.Namespace) -> int:
    """Patches the HarborRegistry; with `--wait`, returns 1 if it is not Ready afterwards."""
    name, started = options.verb.name, options.clock()
    request = started.isoformat()
    with connect(target_of(options)) as cluster:
        registry = _patch(cluster, the_registry(cluster, options.name), name, request)
        if options.wait:
            is_reached = _is_paused if name == "suspend" else _has_handled(request)
            registry = wait_handled(cluster, registry, is_reached, options)
    _report(registry, options)
    return 1 if options.wait and name != "suspend" and not is_ready(registry) else 0


def _patch(cluster: Cluster, registry: Manifest, verb: str, request: str) -> Manifest:
    if verb == "reconcile" and registry["spec"].get("suspend"):
        raise CommandError(f"HarborRegistry '{key_of(registry)}' is suspended: run `kubectl harbor resume` instead")
    annotation = {"metadata": {"annotations": {RECONCILE_REQUESTED_AT: request}}}
    patches: dict[str, Manifest] = {
        "reconcile": annotation,
        "suspend": {"spec": {"suspend": True}},
        "resume": {**annotation, "spec": {"suspend": False}},
    }
    return cluster.merge(path_of(registry["metadata"]["namespace"], registry["metadata"]["name"]), patches[verb])


def wait_handled(
    cluster: Cluster, registry: Manifest, is_reached: Callable[[Manifest], bool], options: argparse.Namespace
) -> Manifest:
    """Returns the registry as soon as the operator has brought it into a state. Raises CommandError at `--timeout`."""
    started = options.clock()
    left = lambda: options.timeout - (options.clock() - started).total_seconds()  # noqa: E731
    found = wait_for(cluster, registry, is_reached, left)
    if found is None:
        raise CommandError(
            f"the operator did not handle the request for HarborRegistry '{key_of(registry)}' within "
            f"{options.timeout:g} s: check that it runs, and read `kubectl harbor status`"
        )
    return found


def _has_handled(request: str) -> Callable[[Manifest], bool]:
    return lambda registry: status_of(registry).get("lastHandledReconcileAt") == request


def _is_paused(registry: Manifest) -> bool:
    is_current = status_of(registry).get("observedGeneration") == registry["metadata"]["generation"]
    return is_current and condition_of(registry, "Ready").get("reason") == Reason.SUSPENDED


def _report(registry: Manifest, options: argparse.Namespace) -> None:
    ready = condition_of(registry, "Ready")
    if options.output == "json":
        result = {"registry": key_of(registry), "action": options.verb.name, "waited": options.wait}
        write_json({**result, **({"ready": ready} if options.wait else {})})
        return
    lines = [f"harborregistry '{key_of(registry)}': {_DONE[options.verb.name]}"]
    if options.wait:
        lines.append(f"Ready is {ready.get('status')} ({ready.get('reason')}): {ready.get('message')}")
    write(lines)
