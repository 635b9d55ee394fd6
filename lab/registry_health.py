"""What GitOps tools make of an object: the kstatus library of Flux and Helm, and the Lua interpreter of Argo CD.

kstatus(manifest)                 -> {"status": "InProgress", "message": "..."}
run_lua(script, manifest)         -> what a health check, an action or a discovery script returns
merge_patch(manifest, changed)    -> the JSON merge patch that Argo CD sends after an action
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from lab.gotools import program
from lab.process import LabError

if TYPE_CHECKING:
    from lab.kubernetes_client import Manifest

RUN_SECONDS = 20


def kstatus(manifest: Manifest) -> dict[str, str]:
    """Returns the status and the message that kstatus computes. Raises LabError."""
    result: dict[str, str] = _run(manifest, "kstatus")
    return result


def run_lua(script: str, manifest: Manifest) -> Any:
    """Returns what the script returns; an empty table is an empty list. Raises LabError with the error of Lua."""
    return _run(manifest, "lua", script)


def merge_patch(before: Manifest, after: Manifest) -> Manifest:
    """Returns the JSON merge patch (RFC 7386) from one object to another."""
    patch: Manifest = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        known = before.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            if changes := merge_patch(known, value):
                patch[key] = changes
        elif value != known:
            patch[key] = value
    return patch


def run_action(script: str, manifest: Manifest) -> Manifest:
    """Returns the merge patch that Argo CD sends for an action. Raises LabError.

    Lua has one kind of empty table; like Argo CD, this restores what was an empty mapping before.
    """
    return merge_patch(manifest, _restored(run_lua(script, manifest), manifest))


def _restored(value: Any, before: Any) -> Any:
    if isinstance(before, dict) and value == []:
        return {}
    if isinstance(before, dict) and isinstance(value, dict):
        return {key: _restored(item, before.get(key)) for key, item in value.items()}
    if isinstance(before, list) and isinstance(value, list):
        known = [*before, *[None] * len(value)]
        return [_restored(item, known[index]) for index, item in enumerate(value)]
    return value


def _run(manifest: Manifest, *arguments: str) -> Any:
    argv = [str(program("registry-health")), *arguments]
    ended = subprocess.run(
        argv, input=json.dumps(manifest), capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    if ended.returncode:
        raise LabError(ended.stderr.strip())
    return json.loads(ended.stdout)
