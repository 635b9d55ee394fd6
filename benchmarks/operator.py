"""The operator as an injector: a process with the shipped RBAC rights, and an external registry."""

from __future__ import annotations

import itertools
import secrets
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.api import Manifest, references_of
from benchmarks.environment import PREFIX
from benchmarks.injector import InjectorInfo, Scope
from lab.lab import Lab
from lab.operator import NAMESPACE as OPERATOR_NAMESPACE
from lab.operator import USER, Operator
from lab.process import LabError, Process, free_port, wait_until
from lab.registries import Registry
from lab.registry_fixture import allow_admission_policy, install

ROOT = Path(__file__).parents[1]
NAMESPACE = "bench-registry"
NAME = "cr"
EXCLUDED = ["kube-*", "default", "harbor-operator", "bench-*"]


class OperatorInjector:
    """The operator of this project."""

    def __init__(self, lab: Lab) -> None:
        self.info = InjectorInfo(
            name="harbor-operator",
            title="harbor-operator (this project)",
            secret_name="harbor-pull",
            scope=Scope.BOTH,
            limits="at most 32 writes at a time, fewer at a slow server; a token bucket that follows 429 and silence",
            settings="defaults",
            rights="the shipped ClusterRole: Secrets and ServiceAccounts by name",
        )
        self.user = USER
        self._lab = lab
        self._registry = Registry(lab.control_plane, NAMESPACE, NAME)
        self._operator: Operator | None = None
        self._accounts = itertools.count()
        self._endpoint: Process | None = None
        self._url = ""

    @property
    def pid(self) -> int:
        """The process id of the operator."""
        return self._running().process.pid

    def start(self) -> None:
        """Applies the registry if it does not exist, and starts the operator."""
        if self._endpoint is None:
            self._set_up()
        if self._registry.is_gone():
            self._apply()
        self._operator = _start(self._lab)
        self._operator.wait_leading()

    def stop(self) -> None:
        """Stops the operator with SIGTERM."""
        self._running().stop()

    def rotate(self) -> bool:
        """Changes the registry's reference to another account, which the operator reads at once."""
        self._registry.patch({"pullSecrets": {"credential": {"secretRef": {"name": self._put_account()}}}})
        return True

    def uninstall(self) -> bool:
        """Deletes the registry."""
        self._registry.delete(deadline=600)
        return True

    def set_admission_policy(self, mode: str) -> None:
        """Sets `admissionPolicy` of the registry (Enabled or Disabled)."""
        self._registry.patch({"pullSecrets": {"admissionPolicy": mode}})

    def _set_up(self) -> None:
        install(self._lab)
        self._start_endpoint()
        self._registry.prepare()
        self._registry.put_secret("cr-ca", {"ca.crt": self._lab.authority.ca_path.read_text()})

    def _apply(self) -> None:
        pull = {"credential": {"secretRef": {"name": self._put_account()}}, "namespaces": {"exclude": EXCLUDED}}
        self._registry.apply({"externalURL": self._url, "caSecretRef": {"name": "cr-ca"}, "pullSecrets": pull})

    def _start_endpoint(self) -> None:
        port = free_port()
        issued = self._lab.authority.issue("bench-endpoint")
        argv = [
            sys.executable,
            "-m",
            "benchmarks.endpoint",
            str(port),
            *map(str, (issued.cert_path, issued.key_path)),
        ]
        self._endpoint = self._lab.processes.start("bench-endpoint", argv, cwd=ROOT)
        ready = "listening"
        log = self._endpoint.log
        wait_until(lambda: ready in log.read_text(), "the endpoint answers", deadline=20, process=self._endpoint)
        self._url = f"https://localhost:{port}"

    def _put_account(self) -> str:
        name = f"pull-account-{next(self._accounts)}"
        self._registry.put_secret(name, {"username": "puller", "password": secrets.token_hex(16)})
        return name

    def _running(self) -> Operator:
        if self._operator is None:
            raise LabError("the operator was not started")
        return self._operator


class OperatorWithPolicy:
    """The operator with the admission policy, which adds the reference at the creation of a service account."""

    def __init__(self, lab: Lab, ours: OperatorInjector) -> None:
        self.info = replace(
            ours.info,
            name="harbor-operator-policy",
            title="harbor-operator (this project) with its admission policy",
            settings="`spec.pullSecrets.admissionPolicy: Enabled`",
        )
        self.user = ours.user
        self._lab = lab
        self._ours = ours
        self._probes = itertools.count()

    @property
    def pid(self) -> int:
        """The process id of the operator."""
        return self._ours.pid

    def start(self) -> None:
        """Starts the operator and waits until the policy is in force."""
        self._ours.start()
        allow_admission_policy(self._lab.control_plane, (NAMESPACE, NAME))
        self._ours.set_admission_policy("Enabled")
        wait_until(self._is_in_force, "the admission policy is in force", deadline=60, interval=1)

    def stop(self) -> None:
        """Removes the policy, which would also affect the runs of other injectors, and stops the operator."""
        self._ours.set_admission_policy("Disabled")
        wait_until(lambda: not self._policies(), "the admission policy is gone", deadline=60)
        self._ours.stop()

    def rotate(self) -> bool:
        """As without the policy."""
        return self._ours.rotate()

    def uninstall(self) -> bool:
        """As without the policy."""
        return self._ours.uninstall()

    def _policies(self) -> list[Manifest]:
        path = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies"
        return self._lab.control_plane.client.items(path)

    def _is_in_force(self) -> bool:
        """Whether a new service account has the reference without a later write."""
        plane, name = self._lab.control_plane, f"{PREFIX}policy-{next(self._probes)}"
        mark = plane.audit.mark()
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        wait_until(
            lambda: self.info.secret_name in references_of(plane.client.read(path) or {}),
            f"'{name}' is served",
            deadline=30,
        )
        written = plane.audit.writes_since(mark, self.user)
        return not any(event.namespace == name and event.resource == "serviceaccounts" for event in written)


def _start(lab: Lab) -> Operator:
    """Starts the operator with its defaults: the short Lease of the tests would change the cost at rest."""
    plane, port = lab.control_plane, free_port()
    settings = {
        "KUBECONFIG": plane.kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR_NAMESPACE),
        "IDENTITY": "operator",
        "INJECTION_NAMESPACES": "*",
        "NAMESPACE": OPERATOR_NAMESPACE,
        "LISTEN_HOST": "127.0.0.1",
        "LISTEN_PORT": port,
        "WORK_DIR": plane.directory / "operator",
    }
    env = {f"HARBOR_OPERATOR_{name}": str(value) for name, value in settings.items()}
    argv = [sys.executable, "-m", "harbor_operator", "run"]
    process = lab.processes.start("operator", argv, env={**env, "PYTHONPATH": str(ROOT / "operator")})
    operator = Operator(process, port)
    wait_until(lambda: operator.get("/livez") == "ok\n", "the operator answers", deadline=30, process=process)
    return operator
