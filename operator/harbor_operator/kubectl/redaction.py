"""Removes what must not leave the cluster from objects and logs; pure.

A report never reads a Secret. Objects are reduced to the fields that explain a problem, so that values of charts and
environment variables, which can contain anything, are not in it. Logs lose every value that is written like a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REMOVED = "REMOVED"

_NAMES = (
    r"pass(?:word|wd|phrase)?|secret(?:[-_ ]?key)?|token|authorization|credentials?|api[-_ ]?key|access[-_ ]?key|auth"
)
_PATTERNS = (
    # a login in a URL
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),
    # 'Basic …', 'Bearer …'
    re.compile(r"(?i)(?<=\bbasic )[\w+/=-]+|(?<=\bbearer )[\w.+/=~-]+"),
    # a JSON Web Token
    re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"),
    # a PEM block that is printed in one line
    re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|$)"),
)
_ASSIGNED = re.compile(
    rf"""(?ix) ( [\w.-]* (?:{_NAMES}) [\w.-]* ["'\\]* \s* [:=] \s* ) ( \\?"[^"]*" | '[^']*' | [^\s"'\\,;&}}]+ )"""
)
_LONG_WORD = re.compile(r"(?<![\w/.:-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])[\w+/=-]{24,}(?![\w/.:-])")


def redact_line(line: str) -> str:
    """Returns a line of a log without logins, tokens, keys and long random words."""
    for pattern in _PATTERNS:
        line = pattern.sub(REMOVED, line)
    line = _ASSIGNED.sub(rf"\1{REMOVED}", line)
    return _LONG_WORD.sub(REMOVED, line)


def redact(content: Any) -> Any:
    """Returns a JSON value whose texts are redacted."""
    if isinstance(content, str):
        return redact_line(content)
    if isinstance(content, Mapping):
        return {key: redact(value) for key, value in content.items()}
    return [redact(value) for value in content] if isinstance(content, list) else content


def reduce_registry(registry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a HarborRegistry without chart values and without annotations of other clients."""
    spec = dict(registry["spec"])
    if release := spec.get("release"):
        spec["release"] = {**release, **({"values": REMOVED} if release.get("values") else {})}
    return {"metadata": _metadata(registry), "spec": redact(spec), "status": redact(registry.get("status"))}


def reduce_workload(workload: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a pod, Deployment or StatefulSet: its images, references and status, without environments."""
    spec = workload["spec"]
    pod = (spec.get("template") or {}).get("spec") or spec
    containers = [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]
    kept = {"replicas": spec.get("replicas"), "imagePullSecrets": pod.get("imagePullSecrets")}
    images = [{"name": one["name"], "image": one["image"], "resources": one.get("resources")} for one in containers]
    return {
        "kind": workload.get("kind"),
        "metadata": _metadata(workload),
        "spec": {**kept, "containers": images},
        "status": redact(workload.get("status")),
    }


def reduce_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an Event with its message redacted."""
    kept = ("type", "reason", "count", "firstTimestamp", "lastTimestamp", "involvedObject")
    return {key: event.get(key) for key in kept} | {"message": redact_line(str(event.get("message", "")))}


def _metadata(manifest: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("namespace", "name", "uid", "labels", "generation", "creationTimestamp", "deletionTimestamp", "finalizers")
    return {key: manifest["metadata"][key] for key in kept if key in manifest["metadata"]}
