"""`rotate`: requests another robot for the pull credential, and waits until every namespace has its login."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from harbor_operator.api.reconcile_request import RECONCILE_REQUESTED_AT
from harbor_operator.api.request_annotations import ROTATE_REQUESTED_AT
from harbor_operator.kubectl.cluster import Manifest, connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.lifecycle import wait_handled
from harbor_operator.kubectl.output import write, write_json
from harbor_operator.kubectl.registries import condition_of, key_of, path_of, status_of, the_registry
from harbor_operator.kubectl.target import target_of
from harbor_operator.reasons import Reason

_CONDITION = "PullSecretsReady"


def run(options: argparse.Namespace) -> int:
    """Requests the rotation; with `--wait`, returns 1 unless every namespace has the new login."""
    request = options.clock().isoformat()
    with connect(target_of(options)) as cluster:
        registry = the_registry(cluster, options.name)
        if why := why_not(registry):
            raise CommandError(why)
        # The request for a reconciliation starts the rotation at once, and its echo ends the wait for one that fails.
        annotations = {ROTATE_REQUESTED_AT: request, RECONCILE_REQUESTED_AT: request}
        path = path_of(registry["metadata"]["namespace"], registry["metadata"]["name"])
        registry = cluster.merge(path, {"metadata": {"annotations": annotations}})
        if options.wait:
            registry = wait_handled(cluster, registry, has_ended(request), options)
    is_rotated = _is_accepted(registry, request) and condition_of(registry, _CONDITION).get("status") == "True"
    _report(registry, options, is_rotated=is_rotated)
    return 1 if options.wait and not is_rotated else 0


def why_not(registry: Manifest) -> str:
    """Returns why a rotation has no effect, and what to do instead; empty if it has one."""
    key, spec = key_of(registry), registry["spec"]
    if spec.get("suspend"):
        return f"HarborRegistry '{key}' is suspended: run `kubectl harbor resume` first"
    if not spec.get("pullSecrets") and any(project.get("robots") for project in spec.get("projects") or ()):
        return (
            f"HarborRegistry '{key}' injects no pull Secret, whose credential this command replaces: for the robots in "
            f"`spec.projects[].robots`, set the annotation '{ROTATE_REQUESTED_AT}' of the HarborRegistry to a new value"
        )
    if not spec.get("pullSecrets"):
        return f"HarborRegistry '{key}' injects no pull Secret: set `spec.pullSecrets`"
    credential = spec["pullSecrets"]["credential"]
    if given := credential.get("secretRef"):
        return (
            f"HarborRegistry '{key}' has no robot, because `spec.pullSecrets.credential.secretRef` names an account: "
            f"change its password in Harbor, then in Secret '{given['name']}'"
        )
    return ""


def has_ended(request: str) -> Callable[[Manifest], bool]:
    """Returns whether each namespace has the new login or is reported as failed, or the rotation has failed."""

    def is_ended(registry: Manifest) -> bool:
        if not _is_accepted(registry, request):
            is_handled = status_of(registry).get("lastHandledReconcileAt") == request
            return is_handled and bool(_failure(registry))
        found = status_of(registry)["pullSecrets"]
        is_known = condition_of(registry, _CONDITION).get("reason") != Reason.NAMESPACES_PENDING
        return is_known and found["ready"] + found["failed"] >= found["namespaces"]

    return is_ended


def _is_accepted(registry: Manifest, request: str) -> bool:
    """Whether the login that this request led to is in use."""
    found = status_of(registry).get("pullSecrets") or {}
    return bool(found.get("lastHandledRotateAt") == request)


def _failure(registry: Manifest) -> str:
    """Returns the message of a rotation that failed, or an empty text."""
    warnings = status_of(registry).get("warnings") or []
    return next((one["message"] for one in warnings if one["code"] == Reason.ROBOT_ROTATION_FAILED), "")


def _report(registry: Manifest, options: argparse.Namespace, *, is_rotated: bool) -> None:
    if not options.wait:
        if options.output == "json":
            write_json({"registry": key_of(registry), "action": "rotate", "waited": False})
        else:
            write([f"harborregistry '{key_of(registry)}': rotation requested"])
        return
    found = status_of(registry).get("pullSecrets") or {}
    message = _failure(registry) or str(condition_of(registry, _CONDITION).get("message", ""))
    if options.output == "json":
        result: dict[str, Any] = {"registry": key_of(registry), "action": "rotate", "waited": True}
        write_json({**result, "rotated": is_rotated, "message": message, "pullSecrets": found})
        return
    robot = f"'{found['robot']}' is in use" if found.get("robot") else "each namespace has its new robot"
    state = f"rotated, {robot}" if is_rotated else "the rotation is not complete"
    write([f"harborregistry '{key_of(registry)}': {state}", message])
