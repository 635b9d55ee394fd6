"""A registry under Argo CD and Flux: what they read in each phase of its life, and how they request a pass.

The lab consists of an API server and of Harbor without a cluster. The interval between passes is a day, so that only a
request starts one. With GOLDEN=1 the observed objects become the cases of tests/contract/test_registry_health.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.harbor.standalone import Standalone
from lab.lab import Lab, Part
from lab.process import wait_until
from lab.registries import Manifest, Registry
from lab.registry_fixture import install
from lab.registry_health import kstatus, run_action, run_lua
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "registry-health"
PATCH = ROOT / "deploy" / "argocd" / "argocd-cm.yaml"
OURS = "harbor-operator.io/reconcile-requested-at"
FLUX = "reconcile.fluxcd.io/requestedAt"
HANDLED = "lastHandledReconcileAt"
ONE_DAY_SECONDS = 86400
REQUEST_SECONDS = 30
TIMES = ("deletionTimestamp", "lastTransitionTime", HANDLED, OURS, FLUX)
KOPF = "harbor-operator.io/last-handled-configuration"
"""An annotation with a copy of the spec."""
MOMENT = "2026-01-01T00:00:00Z"
SECONDS = "1924992000"
"""A later time than that of the request before it, as seconds since 1970."""
LATER = "2040-01-01T00:00:00Z"
NAMESPACE = "t-gitops"


class GitOpsFixture:
    """One registry, the scripts that a patched Argo CD would run, and a Harbor and an operator that can stop."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.kubectl = lab.control_plane.kubectl
        self.harbor = Standalone.start(lab.directory / "harbor", lab.processes, lab.authority)
        self.registry = Registry(lab.control_plane, NAMESPACE, "cr")
        self.registry.prepare()
        self.scripts = self._install_scripts()
        self.running: RunningOperator | None = None

    def _install_scripts(self) -> dict[str, Any]:
        """Patches a ConfigMap as the documentation says, and returns the scripts that it then contains."""
        self.kubectl("create", "namespace", "argocd")
        self.kubectl(
            "-n", "argocd", "create", "configmap", "argocd-cm", "--from-literal=url=https://argocd.example.com"
        )
        self.kubectl("-n", "argocd", "patch", "configmap", "argocd-cm", "--type=merge", f"--patch-file={PATCH}")
        data = json.loads(self.kubectl("-n", "argocd", "get", "configmap", "argocd-cm", "-o", "json"))["data"]
        assert data.pop("url") == "https://argocd.example.com"
        health = data.pop("resource.customizations.health.harbor-operator.io_HarborRegistry")
        actions = yaml.safe_load(data.pop("resource.customizations.actions.harbor-operator.io_HarborRegistry"))
        assert data == {}
        definitions = {item["name"]: item["action.lua"] for item in actions["definitions"]}
        return {"health": health, "discovery": actions["discovery.lua"], **definitions}

    def start_operator(self) -> None:
        if self.running is None:
            self.running = RunningOperator(self.lab)
        else:
            self.running.start_replica()
        self.running.operator.wait_leading()

    def stop_operator(self) -> None:
        assert self.running is not None
        self.running.operator.stop()

    def request(self, key: str, value: str) -> None:
        self.kubectl("-n", NAMESPACE, "annotate", "--overwrite", "hreg", "cr", f"{key}={value}")

    def wait_handled(self, value: str) -> None:
        """Waits as a command line does."""
        echoed = f"--for=jsonpath={{.status.{HANDLED}}}={value}"
        self.kubectl("-n", NAMESPACE, "wait", "hreg/cr", echoed, f"--timeout={REQUEST_SECONDS}s")

    def run_action(self, name: str) -> Manifest:
        """Runs an action as Argo CD does: the script changes a copy of the object, the difference is sent."""
        before = self.registry.read()
        assert run_lua(self.scripts["discovery"], before)[name] == {"disabled": False}
        patch = run_action(self.scripts[name], before)
        self.kubectl("-n", NAMESPACE, "patch", "hreg", "cr", "--type=merge", "-p", json.dumps(patch))
        return patch

    def check(self, phase: str, status: str, health: str) -> None:
        """Compares what both tools make of the registry, and its shape with the recorded one."""
        seen = self.registry.read()
        assert (kstatus(seen)["status"], run_lua(self.scripts["health"], seen)["status"]) == (status, health)
        made, path = recorded(seen, self.harbor.url), GOLDEN / f"{phase}.json"
        if os.environ.get("GOLDEN"):
            path.write_text(json.dumps(made, indent=2) + "\n")
        assert without_messages(made) == without_messages(json.loads(path.read_text())), "run with GOLDEN=1"


def recorded(seen: Manifest, url: str) -> Manifest:
    """Returns the object without what differs between two runs."""
    port = url.rpartition(":")[2]
    made: Manifest = json.loads(json.dumps(seen).replace(url, "http://cr.example.com").replace(port, "80"))
    metadata, status = made["metadata"], made["status"]
    annotations = metadata.get("annotations", {})
    annotations.pop(KOPF, None)
    for name in ("uid", "creationTimestamp", "resourceVersion", "managedFields"):
        metadata.pop(name, None)
    for holder in (metadata, annotations, status, *status.get("conditions", [])):
        holder |= {name: MOMENT for name in TIMES if name in holder}
    return made


def without_messages(made: Manifest) -> Manifest:
    conditions = [{**condition, "message": ""} for condition in made["status"].get("conditions", [])]
    return {**made, "status": {**made["status"], "conditions": conditions}}


@pytest.fixture(scope="module")
def fixture() -> Iterator[GitOpsFixture]:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        install(lab)
        fixture = GitOpsFixture(lab)
        yield fixture
        if fixture.running is not None:
            fixture.running.end()


def check_requests(fixture: GitOpsFixture) -> None:
    """Each request starts a pass, is answered, and changes nothing in the spec."""
    before = fixture.registry.read()
    for value in ("2030-01-01T00:00:00.123456789+01:00", SECONDS):
        fixture.request(FLUX, value)
        fixture.wait_handled(value)
    after = fixture.registry.read()
    assert (after["metadata"]["generation"], after["spec"]) == (before["metadata"]["generation"], before["spec"])


def check_suspension(fixture: GitOpsFixture) -> None:
    """A request to a suspended registry is handled when it is resumed."""
    registry = fixture.registry
    assert fixture.run_action("suspend") == {"spec": {"suspend": True}}
    registry.wait_condition("Ready", "Unknown", "Suspended")
    fixture.check("suspended", "InProgress", "Suspended")
    fixture.request(OURS, LATER)
    registry.patch({"checkIntervalSeconds": ONE_DAY_SECONDS - 1})
    wait_until(registry.is_observed, "the operator has seen both changes", deadline=REQUEST_SECONDS)
    assert registry.status()[HANDLED] == SECONDS
    assert fixture.run_action("resume") == {"spec": {"suspend": False}}
    fixture.wait_handled(LATER)
    registry.wait_ready()


def test_both_tools_understand_every_phase_and_a_request_is_answered(fixture: GitOpsFixture) -> None:
    """Finding F19 and issue 13: Argo CD showed every registry as Healthy, and no pass could be requested."""
    registry = fixture.registry
    registry.apply({"externalURL": fixture.harbor.url, "checkIntervalSeconds": ONE_DAY_SECONDS})
    fixture.check("new", "InProgress", "Progressing")

    fixture.harbor.stop_core()
    fixture.start_operator()
    registry.wait_condition("RegistryReachable", "Unknown")
    fixture.check("progressing", "InProgress", "Progressing")

    fixture.harbor.start_core()
    assert fixture.run_action("reconcile").keys() == {"metadata"}
    fixture.wait_handled(registry.read()["metadata"]["annotations"][OURS])
    registry.wait_ready()
    fixture.check("ready", "Current", "Healthy")
    check_requests(fixture)
    check_suspension(fixture)

    registry.patch({"cache": {"addresses": ["127.0.0.1:1"], "passwordSecretRef": {"name": "redis"}}})
    registry.wait_condition("CacheReady", "False", "SecretMissing")
    fixture.check("stalled", "Failed", "Degraded")

    fixture.stop_operator()
    registry.patch({"cache": None})
    fixture.check("outdated", "InProgress", "Progressing")
    fixture.kubectl("-n", NAMESPACE, "delete", "hreg", "cr", "--wait=false")
    fixture.check("deleted", "Terminating", "Progressing")
    fixture.start_operator()
    wait_until(registry.is_gone, "the registry is gone", deadline=REQUEST_SECONDS)
