"""What kstatus (Flux, Helm) and the scripts of deploy/argocd make of objects that tests/e2e/test_gitops.py recorded."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from lab.process import LabError
from lab.registry_health import kstatus, run_action, run_lua

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "golden" / "registry-health"
SCRIPTS = ROOT / "deploy" / "argocd" / "harbor-operator.io" / "HarborRegistry"
OURS = "harbor-operator.io/reconcile-requested-at"
ALL = {"reconcile", "suspend", "resume"}

PHASES = {
    "new": ("InProgress", "Progressing", {"reconcile", "suspend"}),
    "progressing": ("InProgress", "Progressing", {"reconcile", "suspend"}),
    "ready": ("Current", "Healthy", {"reconcile", "suspend"}),
    "stalled": ("Failed", "Degraded", {"reconcile", "suspend"}),
    "suspended": ("InProgress", "Suspended", {"resume"}),
    "outdated": ("InProgress", "Progressing", {"reconcile", "suspend"}),
    "deleted": ("Terminating", "Progressing", set[str]()),
}
"""For each recorded phase: the status of kstatus, the health in Argo CD, and the enabled actions."""


def script(name: str) -> str:
    return (SCRIPTS / name).read_text()


def read(phase: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{phase}.json").read_text())
    return found


def health(manifest: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = run_lua(script("health.lua"), manifest)
    return found


def acted(action: str, manifest: dict[str, Any]) -> dict[str, Any]:
    return run_action(script(f"actions/{action}/action.lua"), manifest)


def test_every_recorded_phase_has_its_expectation() -> None:
    assert {path.stem for path in RECORDED.glob("*.json")} == set(PHASES)


@pytest.mark.parametrize("phase", PHASES)
def test_both_tools_read_a_recorded_registry(phase: str) -> None:
    """Finding F19: without a script, Argo CD showed every registry as Healthy."""
    manifest, (status, argo_cd, enabled) = read(phase), PHASES[phase]
    assert kstatus(manifest)["status"] == status
    assert health(manifest)["status"] == argo_cd
    offered = run_lua(script("actions/discovery.lua"), manifest)
    assert {name for name, action in offered.items() if not action["disabled"]} == enabled
    assert offered.keys() == ALL


@pytest.mark.parametrize("phase", ["progressing", "ready", "stalled", "suspended"])
def test_the_message_in_argo_cd_names_the_reason_and_the_remedy(phase: str) -> None:
    manifest = read(phase)
    ready = next(item for item in manifest["status"]["conditions"] if item["type"] == "Ready")
    assert health(manifest)["message"] == f"{ready['reason']}: {ready['message']}"


@pytest.mark.parametrize("status", [None, {}, {"conditions": []}])
def test_a_registry_without_a_status_is_progressing(status: dict[str, Any] | None) -> None:
    manifest = {**read("new"), "status": status}
    assert health(manifest)["status"] == "Progressing"


def test_a_status_without_conditions_is_progressing() -> None:
    """Another client can remove them; the next pass writes them again."""
    manifest = read("ready")
    manifest["status"]["conditions"] = []
    assert health(manifest)["status"] == "Progressing"


@pytest.mark.parametrize("phase", PHASES)
def test_the_action_reconcile_changes_one_annotation_only(phase: str) -> None:
    manifest = read(phase)
    manifest["metadata"].get("annotations", {}).pop(OURS, None)
    patch = acted("reconcile", manifest)
    (value,) = patch["metadata"].pop("annotations").values()
    assert patch == {"metadata": {}}
    assert kstatus(manifest | {"metadata": {**manifest["metadata"], "annotations": {OURS: value}}}) == kstatus(manifest)


@pytest.mark.parametrize("phase", PHASES)
def test_the_actions_suspend_and_resume_change_one_field_only(phase: str) -> None:
    manifest = read(phase)
    manifest["spec"]["suspend"] = False
    assert acted("suspend", manifest) == {"spec": {"suspend": True}}
    suspended = copy.deepcopy(manifest)
    suspended["spec"]["suspend"] = True
    assert acted("resume", suspended) == {"spec": {"suspend": False}}


def test_the_interpreter_offers_what_argo_cd_offers() -> None:
    """Argo CD opens no other library for a script of its ConfigMap."""
    assert run_lua('return {type(table.concat), type(require("os").date)}', {}) == ["function", "function"]
    assert run_lua("return {type(string), type(io), type(os), type(math)}", {}) == ["nil"] * 4
    assert run_lua('return {type(require("os").getenv)}', {}) == ["nil"]
    with pytest.raises(LabError, match="boom"):
        run_lua('error("boom")', {})
