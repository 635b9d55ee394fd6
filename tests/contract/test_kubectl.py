"""`kubectl harbor` on a real API server with a running operator: each verb under exactly its documented rights."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_operator import __version__
from harbor_operator.kubectl.rights import Scope
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.lab import Lab, Part
from lab.operator import NAMESPACE as OPERATOR_NAMESPACE
from lab.operator import Operator
from lab.process import wait_until
from lab.registries import Registry
from lab.registry_fixture import install
from tests.contract.kubectl_harbor import PEOPLE, KubectlHarbor, environment

pytestmark = pytest.mark.lab

SPEC = {"externalURL": "https://127.0.0.1:1", "checkIntervalSeconds": 86400}
"""A registry that does not answer; only a request starts another reconciliation."""
EXEC = "client.authentication.k8s.io/v1"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        install(lab)
        operator = Operator.start(lab.control_plane, lab.processes)
        operator.wait_leading()
        yield lab


@pytest.fixture(scope="module")
def plane(lab: Lab) -> ControlPlane:
    return lab.control_plane


@pytest.fixture(scope="module")
def registry(plane: ControlPlane) -> Registry:
    registry = Registry(plane, "intra", "cr")
    registry.prepare()
    registry.apply(SPEC)
    registry.wait_condition("RegistryReachable", "Unknown")
    return registry


@pytest.fixture(scope="module")
def harbor(plane: ControlPlane, registry: Registry) -> KubectlHarbor:
    return KubectlHarbor(
        plane, {Scope.REGISTRY: registry.namespace, Scope.OPERATOR: OPERATOR_NAMESPACE, Scope.POD: registry.namespace}
    )


def test_status_shows_cause_and_remedy(harbor: KubectlHarbor) -> None:
    done = harbor.run("status", "-n", "intra")
    assert done.code == 1
    assert "intra/cr  https://127.0.0.1:1" in done.out
    assert "? RegistryReachable  Unknown  RegistryUnreachable" in done.out
    assert "Remedy: Run `curl -i EXTERNALURL/v2/` in a pod." in done.out
    assert done.err == ""


def test_status_as_json_fits_its_schema(harbor: KubectlHarbor) -> None:
    done = harbor.run("status", "cr", "-n", "intra", "-o", "json")
    (found,) = done.json["registries"]
    assert (done.code, found["name"], found["ready"]) == (1, "cr", False)
    assert set(found["remedies"]) == {"RegistryUnreachable"}


def test_status_watches(harbor: KubectlHarbor, registry: Registry) -> None:
    command = [sys.executable, "-m", "harbor_operator.kubectl", "status", "-w", "-n", "intra"]
    command += ["--kubeconfig", str(harbor.person("status"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or []))
        reader.start()
        try:
            wait_until(lambda: any("RegistryReachable" in line for line in lines), "the first status", deadline=30)
            registry.patch({"suspend": True})
            wait_until(lambda: any("Suspended" in line for line in lines), "the change", deadline=30)
        finally:
            process.terminate()
            registry.patch({"suspend": False})
            reader.join()


def test_no_process_and_no_socket_remain(harbor: KubectlHarbor, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harbor_operator.kubectl", "status", "-w", "-n", "intra"]
    command += ["--kubeconfig", str(harbor.person("status"))]
    env = {**environment(), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout
        assert process.stdout.readline()
        (directory,) = tmp_path.iterdir()
        assert directory.stat().st_mode & 0o777 == 0o700
        (proxy,) = children(process.pid)
        process.terminate()
    assert list(tmp_path.iterdir()) == []
    assert not Path(f"/proc/{proxy}").exists()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_another_namespace_is_forbidden_and_names_the_rights(harbor: KubectlHarbor) -> None:
    done = harbor.run("status", "-n", "default")
    assert done.code == 2
    assert "cannot list resource" in done.err
    assert "docs/kubectl-harbor.md" in done.err


def test_a_registry_that_does_not_exist(harbor: KubectlHarbor) -> None:
    done = harbor.run("status", "other", "-n", "intra")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: there is no HarborRegistry 'other' in namespace 'intra': set `-n NAMESPACE`, or `-A`\n"


def test_reconcile_waits_until_its_request_is_handled(harbor: KubectlHarbor, registry: Registry) -> None:
    done = harbor.run("reconcile", "-n", "intra", "--wait", "--timeout", "60", "-o", "json")
    assert done.code == 1, done.err
    assert done.json["ready"]["reason"] == "RegistryUnreachable"
    found = registry.read()
    request = found["metadata"]["annotations"]["harbor-operator.io/reconcile-requested-at"]
    assert found["status"]["lastHandledReconcileAt"] == request


def test_suspend_and_resume(harbor: KubectlHarbor, registry: Registry) -> None:
    done = harbor.run("suspend", "cr", "-n", "intra", "--wait", "--timeout", "60")
    assert done.code == 0, done.err
    assert "Ready is Unknown (Suspended)" in done.out
    refused = harbor.run("reconcile", "-n", "intra")
    assert refused.code == 2
    assert "kubectl harbor resume" in refused.err
    done = harbor.run("resume", "-n", "intra", "--wait", "--timeout", "60")
    assert done.code == 1, done.err
    assert "RegistryUnreachable" in done.out
    assert registry.read()["spec"]["suspend"] is False


def test_a_registry_without_pull_secrets_cannot_rotate(harbor: KubectlHarbor, registry: Registry) -> None:
    done = harbor.run("rotate", "-n", "intra")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: HarborRegistry 'intra/cr' injects no pull Secret: set `spec.pullSecrets`\n"
    assert "harbor-operator.io/rotate-requested-at" not in registry.read()["metadata"].get("annotations", {})


def test_trust_needs_a_reference_to_the_ca(harbor: KubectlHarbor, registry: Registry) -> None:
    done = harbor.run("trust", "-n", "intra")
    assert (done.code, done.out) == (2, "")
    assert "set `spec.caSecretRef`" in done.err
    registry.patch({"caSecretRef": {"name": "cr-ca"}})
    try:
        assert "there is no Secret 'cr-ca'" in harbor.run("trust", "-n", "intra").err
        registry.put_secrets({"cr-ca": {"ca.crt": "none"}})
        assert "Secret 'cr-ca' has no PEM certificate under its key 'ca.crt'" in harbor.run("trust", "-n", "intra").err
    finally:
        registry.patch({"caSecretRef": None})


def test_a_wait_ends_at_its_timeout(harbor: KubectlHarbor) -> None:
    done = harbor.run("reconcile", "-n", "intra", "--wait", "--timeout", "0")
    assert (done.code, done.out) == (2, "")
    assert "within 0 s: check that it runs" in done.err


def test_version_finds_skew(harbor: KubectlHarbor, plane: ControlPlane) -> None:
    absent = harbor.run("version")
    assert absent.code == 1
    assert f"No operator runs in namespace '{OPERATOR_NAMESPACE}'" in absent.out
    plane.apply(deployment("registry.example.com:5000/harbor-operator:v0.0.9"))
    old = harbor.run("version", "-o", "json")
    assert old.code == 1
    assert old.json["operators"] == {f"{OPERATOR_NAMESPACE}/harbor-operator": "0.0.9"}
    assert len(old.json["problems"]) == 2
    plane.apply(deployment(f"harbor-operator:{__version__}"))
    same = harbor.run("version", "-o", "json")
    assert (same.code, same.json["problems"], same.json["crd"]) == (0, [], __version__)


def deployment(image: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "harbor-operator"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "operator", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "harbor-operator", "namespace": OPERATOR_NAMESPACE, "labels": labels},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }


def test_the_namespace_of_the_context_and_an_exec_plugin_are_used(
    harbor: KubectlHarbor, plane: ControlPlane, tmp_path: Path
) -> None:
    config = yaml.safe_load(harbor.person("status").read_text())
    token = config["users"][0]["user"]["token"]
    credential = f'{{"apiVersion":"{EXEC}","kind":"ExecCredential","status":{{"token":"{token}"}}}}'
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{credential}'\n")
    plugin.chmod(0o700)
    config["users"][0]["user"] = {"exec": {"apiVersion": EXEC, "command": str(plugin), "interactiveMode": "Never"}}
    config["contexts"][0]["context"]["namespace"] = "intra"
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    done = harbor.execute(["status", "--kubeconfig", str(path)])
    assert done.code == 1, done.err
    assert "intra/cr" in done.out


def test_impersonation_is_passed_on(harbor: KubectlHarbor, plane: ControlPlane) -> None:
    administrator = ["--kubeconfig", str(plane.kubeconfig)]
    harbor.person("status")
    done = harbor.execute(["status", "-n", "default", f"--as=system:serviceaccount:{PEOPLE}:status", *administrator])
    assert done.code == 2
    assert f"system:serviceaccount:{PEOPLE}:status" in done.err


def test_an_unreachable_cluster_is_an_error(harbor: KubectlHarbor, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}],
                "contexts": [{"name": "a", "context": {"cluster": "a"}}],
                "current-context": "a",
            }
        )
    )
    done = harbor.execute(["status", "--kubeconfig", str(path)])
    assert done.code == 2
    assert "error: " in done.err


def test_kubectl_finds_the_plugin_and_its_completion(
    harbor: KubectlHarbor, plane: ControlPlane, tmp_path: Path
) -> None:
    for name, function in (("kubectl-harbor", "main"), ("kubectl_complete-harbor", "complete")):
        script = tmp_path / name
        code = f"from harbor_operator.kubectl.cli import {function}; raise SystemExit({function}())"
        script.write_text(f"#!{sys.executable}\n{code}\n")
        script.chmod(0o755)
    env = {**environment(), "KUBECONFIG": str(harbor.person("status"))}
    env["PATH"] = f"{tmp_path}:{env['PATH']}"

    def kubectl(*arguments: str) -> str:
        command = [str(program("kubectl")), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
        return done.stdout

    assert "intra/cr" in kubectl("harbor", "status", "-n", "intra")
    assert "suspend\tpause a HarborRegistry" in kubectl("__complete", "harbor", "s")
    assert kubectl("__complete", "harbor", "status", "-n", "intra", "").splitlines() == ["cr", ":4"]
    assert kubectl("__complete", "harbor", "status", "-n", "default", "").splitlines() == [":4"]
    assert "DatabaseBusy\t" in kubectl("__complete", "harbor", "explain", "DatabaseB")
