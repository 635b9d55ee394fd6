"""A real Kubernetes control plane as local processes: etcd, API server, controller manager and scheduler.

    plane = ControlPlane.start(lab_dir, processes, authority)
    plane.url, plane.ca_path, plane.kubeconfig                            # the administrator's kubeconfig
    plane.release, plane.minor                                            # '1.37.2', 37
    plane.client                                                          # lab.kubernetes_client.KubernetesClient
    plane.kubectl("get", "ns", "-o", "name")                              -> str; LabError when kubectl fails
    plane.kubectl("apply", "-f", "-", input=manifest)
    plane.kubectl("get", "secrets", kubeconfig=path)                      # as another user; helm likewise
    plane.apply({...}, {...})                                             # server-side apply of objects
    plane.helm("install", "cr", chart, "--wait=watcher")                  -> str
    plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator") -> Path, file mode 0600
    plane.audit                                                           # lab.audit.AuditLog
    plane.audit_log                                                       # its file
    plane.restart_apiserver()                                             # same port and data; downtime=, more flags=
    plane.stop()

RBAC and the ServiceAccount admission plugin are enabled: the API server rejects a pod whose ServiceAccount does not
exist yet. etcd does not flush to disk (`--unsafe-no-fsync`): a measurement that compares writes must say so.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab import versions
from lab.addresses import CLIENT_HOST, HOST, join
from lab.apiserver import COMPONENT_USERS, controller_manager_argv, prepare_apiserver, scheduler_argv
from lab.audit import AuditLog
from lab.gotools import build, program
from lab.kubernetes_client import KubernetesClient, write_kubeconfig
from lab.process import LabError, Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.certs import Authority

PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler")
START_SECONDS = 90.0
COMMAND_SECONDS = 120.0


@dataclass(frozen=True)
class Access:
    """URL, CA certificate and the token of each of `COMPONENT_USERS`."""

    url: str
    ca_path: Path
    tokens: dict[str, str]


class ControlPlane:
    """A running control plane; see the module's docstring for what it offers."""

    def __init__(self, directory: Path, processes: Processes, access: Access, apiserver_argv: list[str]) -> None:
        self.directory = directory
        self.url = access.url
        self.ca_path = access.ca_path
        self.audit_log = directory / "audit.jsonl"
        self.audit = AuditLog(self.audit_log)
        self._tokens = access.tokens
        self._processes = processes
        self._apiserver_argv = apiserver_argv
        self._running: list[Process] = []
        self._controllers: list[tuple[Process, str, list[str]]] = []
        self.kubeconfig = self.component_kubeconfig("admin")
        self.client = KubernetesClient(self.kubeconfig)
        self.release = ""
        """The release that the API server reports, such as '1.37.2'."""

    @classmethod
    def start(cls, lab_dir: Path, processes: Processes, authority: Authority) -> ControlPlane:
        """Returns a ready control plane with running controllers; its files are in `lab_dir`/control-plane."""
        programs = build(PROGRAMS)
        directory = lab_dir / "control-plane"
        directory.mkdir(parents=True)
        tokens = {user: secrets.token_hex(16) for user in COMPONENT_USERS}
        etcd, etcd_url = _start_etcd(directory, processes, programs["etcd"])
        port = free_port()
        argv = [str(programs["kube-apiserver"]), *prepare_apiserver(directory, authority, tokens, (etcd_url, port))]
        plane = cls(directory, processes, Access(f"https://{join(HOST, port)}", authority.ca_path, tokens), argv)
        plane._running.append(etcd)
        plane._start_apiserver()
        plane._start_controllers(programs)
        plane._await_ready()
        return plane

    @property
    def minor(self) -> int:
        """The minor version of Kubernetes."""
        return int(self.release.split(".")[1])

    def kubectl(self, *args: str, input: str | None = None, kubeconfig: Path | None = None) -> str:  # noqa: A002
        """Runs kubectl, by default as the administrator, and returns its standard output. Raises LabError."""
        return self._run("kubectl", [*args], input, {"KUBECONFIG": str(kubeconfig or self.kubeconfig)})

    def helm(self, *args: str, kubeconfig: Path | None = None) -> str:
        """Runs helm, by default as the administrator, with private caches; returns its output. Raises LabError."""
        homes = {
            f"HELM_{kind}_HOME": str(self.directory / "helm" / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")
        }
        return self._run("helm", [*args], None, {**homes, "KUBECONFIG": str(kubeconfig or self.kubeconfig)})

    def apply(self, *objects: dict[str, Any]) -> None:
        """Applies objects with server-side apply. Raises LabError with kubectl's message."""
        bundle = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(bundle))

    def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """Writes a kubeconfig for a service account, with a token that is valid for one day."""
        token = self.kubectl("create", "token", name, "-n", namespace, "--duration=24h").strip()
        return self.kubeconfig_for(f"{namespace}.{name}", token)

    def kubeconfig_for(self, user: str, token: str) -> Path:
        """Writes a kubeconfig with this token."""
        return self._write_kubeconfig(user, token, CLIENT_HOST)

    def component_kubeconfig(self, user: str) -> Path:
        """Writes a kubeconfig for one of `COMPONENT_USERS`, so that the audit log distinguishes them."""
        return self._write_kubeconfig(user, self._tokens[user], HOST)

    def is_node_ready(self, name: str) -> bool:
        """Whether a node of this name exists and has condition Ready=True. Raises ApiServerError."""
        node = self.client.read(f"/api/v1/nodes/{name}") or {}
        conditions = node.get("status", {}).get("conditions", [])
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    def restart_apiserver(self, *, downtime: float = 0.0, flags: Sequence[str] = ()) -> None:
        """Kills the API server and starts it again on the same port and data after `downtime` seconds.

        `flags` are added to its command line permanently.
        """
        self._apiserver_argv += flags
        self._apiserver.kill()
        self.audit.server_killed()
        time.sleep(downtime)
        self._start_apiserver()
        wait_until(
            self.client.answers, "the API server is ready again", deadline=START_SECONDS, process=self._apiserver
        )

    def stop(self) -> None:
        """Kills every process of the control plane and closes the client."""
        for process in (*reversed(self._running), self._apiserver):
            process.kill()
        self.client.close()

    def _write_kubeconfig(self, user: str, token: str, host: str) -> Path:
        path = self.directory / f"{user.replace(':', '-')}.kubeconfig"
        write_kubeconfig(path, f"https://{join(host, urlsplit(self.url).port or 0)}", self.ca_path, token)
        return path

    def _start_apiserver(self) -> None:
        self._apiserver = self._processes.start("kube-apiserver", self._apiserver_argv)

    def _start_controllers(self, programs: dict[str, Path]) -> None:
        wait_until(
            lambda: self.client.answers("/healthz/ping"),
            "the API server answers",
            deadline=START_SECONDS,
            process=self._apiserver,
        )
        manager = controller_manager_argv(self.directory, self.ca_path, self.component_kubeconfig("controller-manager"))
        scheduler = scheduler_argv(self.component_kubeconfig("scheduler"))
        for name, argv in (("kube-controller-manager", manager), ("kube-scheduler", scheduler)):
            command = [str(programs[name]), *argv]
            self._controllers.append((self._processes.start(name, command), name, command))

    def _await_ready(self) -> None:
        wait_until(self.client.answers, "the API server is ready", deadline=START_SECONDS, process=self._apiserver)
        # A controller ends if the API server is not healthy ten seconds after its start, which a busy machine exceeds.
        self._running += [
            process if process.alive() else self._processes.start(name, command)
            for process, name, command in self._controllers
        ]
        wait_until(
            lambda: self.client.answers("/api/v1/namespaces/default/serviceaccounts/default"),
            "the controller manager creates ServiceAccounts",
            deadline=START_SECONDS,
            process=self._running[1],
        )
        self.release = str((self.client.read("/version") or {})["gitVersion"]).removeprefix("v")
        versions.KUBERNETES.started.add(self.release)

    def _run(self, name: str, args: list[str], text: str | None, env: dict[str, str]) -> str:
        """Runs a client with a private discovery cache: a shared one can be stale when a port is reused."""
        argv = [str(program(name)), *args]
        full_env = {**os.environ, "KUBECACHEDIR": str(self.directory / "client-cache"), **env}
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False, env=full_env
        )
        if done.returncode:
            raise LabError(f"`{name} {' '.join(args)}` ended with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout


def _start_etcd(directory: Path, processes: Processes, etcd: Path) -> tuple[Process, str]:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    flags = {
        "data-dir": directory / "etcd",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "unsafe-no-fsync": "true",
        "quota-backend-bytes": str(4 << 30),
        "log-level": "warn",
    }
    process = processes.start("etcd", [etcd, *(f"--{flag}={value}" for flag, value in flags.items())])
    wait_until(lambda: _healthy(client), "etcd is healthy", deadline=START_SECONDS, process=process)
    return process, client


def _healthy(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 - always http
        return b'"true"' in answer.read()
