"""Starts and stops the node, imports images, and serves Ingress objects."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from lab import progress
from lab.certs import Authority
from lab.controlplane import ControlPlane
from lab.ingress.front import IngressFront
from lab.node import cgroups
from lab.node.archive import Image, busybox_layer, write_archive
from lab.node.configs import PAUSE_IMAGE, hosts_toml, write_configs
from lab.node.objects import node_objects
from lab.node.plan import CAPTURE_PORT, NODE_IP, NODE_NAME, Plan
from lab.node.programs import NAMESPACES, busybox, missing_requirement, node_programs
from lab.process import PORTS, LabError, Process, Processes, free_port, wait_until
from lab.traefik import Traefik

PROJECT_ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 30.0
IMPORT_SECONDS = 120.0
MAX_LOG_LINES = 15
MAX_EVENTS = 40


class KubeletNode:
    """A running node; see the package's docstring for what it offers."""

    def __init__(self, plan: Plan, plane: ControlPlane, processes: Processes, authority: Authority) -> None:
        self.plan = plan
        self._plane = plane
        self._processes = processes
        self._authority = authority
        self._relay: Process | None = None
        self._imported: set[Path] = set()
        self._process: Process | None = None

    @classmethod
    def start(
        cls,
        lab_dir: Path,
        plane: ControlPlane,
        processes: Processes,
        authority: Authority,
        *,
        meanwhile: Callable[[KubeletNode], None] | None = None,
    ) -> KubeletNode:
        """Returns a Ready node on which pods run. Raises LabError if this machine cannot run one.

        `meanwhile` is called with the node as soon as it can import images, before it is Ready.
        """
        if reason := missing_requirement():
            raise LabError(f"no real node on this machine: {reason}")
        plan = _plan(lab_dir / "node", plane, processes)
        node = cls(plan, plane, processes, authority)
        try:
            with progress.task("Node"):
                node._start(meanwhile or (lambda _: None))
        except BaseException:
            node.stop()
            raise
        return node

    def import_images(self, archive: Path) -> None:
        """Imports the images of a docker archive under their names; a repeated import does nothing."""
        if archive not in self._imported:
            self._ctr("images", "import", str(archive))
            self._imported.add(archive)

    def import_as(self, archive: Path, name: str) -> None:
        """Imports the single image of an OCI or docker archive under this name."""
        names = ["--index-name", name, "--base-name", name.rpartition(":")[0]]  # without the second it generates a name
        self._ctr("images", "import", *names, str(archive))

    def trust(self, host: str) -> None:
        """Makes containerd trust the lab's authority for `host` (with port)."""
        folder = self.plan.certs_dir / host
        folder.mkdir(exist_ok=True)
        (folder / "hosts.toml").write_text(hosts_toml(host, self._authority.ca_path))

    def ingress(self, namespace: str) -> IngressFront:
        """Serves the Ingress objects of a namespace, which need not exist yet, with TLS on loopback."""
        home = self.plan.path(f"ingress-{namespace}")
        kubeconfig = self._plane.component_kubeconfig("ingress")
        front = IngressFront.start(home, self._processes, namespace, kubeconfig, self._first_inside())
        self.trust(front.url.removeprefix("https://"))
        return front

    def gateway(self, port: int) -> Traefik:
        """Serves the Gateways of class 'traefik' with TLS on this port of loopback; see `lab.traefik`."""
        traefik = Traefik.start(self._plane, self._processes, port, node_pid=self._first_inside())
        self.trust(traefik.url.removeprefix("https://"))
        return traefik

    def describe(self, namespace: str) -> str:
        """Returns pods, recent events and the ends of all container logs of a namespace, for a message."""
        parts = [self._plane.kubectl("-n", namespace, "get", "pods", "-o", "wide")]
        events = self._plane.kubectl("-n", namespace, "get", "events", "--sort-by=.lastTimestamp")
        parts += ["", *events.splitlines()[-MAX_EVENTS:]]
        logs = sorted(self.plan.pod_logs.glob(f"{namespace}_*/*/*.log"))
        return "\n".join([*parts, *(_end(log, f"{log.parent.parent.name}/{log.parent.name}") for log in logs)])

    def health(self) -> str:
        """Returns whether the node is Ready, with the ends of its daemons' logs if it is not, for a message."""
        if self._is_ready():
            return "the node is Ready"
        logs = sorted(Path(self.plan.logs).glob("node*.log"))
        return "\n".join(["the node is not Ready", *(_end(log, log.name) for log in logs)])

    def stop(self) -> None:
        """Ends the node with all its pods, and removes its control group."""
        if self._relay:
            self._relay.kill()
        if self._process:
            with suppress(OSError, IndexError):  # it has ended
                os.kill(self._first_inside(), signal.SIGKILL)
            # `unshare` waits for it, and the kernel ends every other process in the namespaces before.
            self._process.finish(STOP_SECONDS)
        cgroups.remove(self.plan.cgroup)

    def _start(self, meanwhile: Callable[[KubeletNode], None]) -> None:
        write_configs(self.plan)
        inside: list[str | Path] = [sys.executable, "-m", "lab.node.inside", self.plan.write()]
        node = self._processes.start("node", ["unshare", *NAMESPACES, *inside], cwd=PROJECT_ROOT)
        # unshare ignores other signals; its end kills every process in the namespaces.
        node.stop_signal = signal.SIGKILL
        self._process = node
        self._wait(self.plan.network_up.exists, "the node has a network")
        self._start_relay()
        with ThreadPoolExecutor() as pool:
            objects = pool.submit(self._plane.apply, *node_objects(self.plan))
            self._wait(self.plan.socket.exists, "containerd listens")
            self._import_pause()
            images = pool.submit(meanwhile, self)
            self._wait(self._is_ready, "the node is Ready")
            objects.result()
            images.result()

    def _wait(self, probe: Callable[[], object], what: str) -> None:
        wait_until(probe, what, deadline=START_SECONDS, process=self._process)

    def _start_relay(self) -> None:
        network, port = f"/proc/{self._first_inside()}/ns/net", self.plan.kubelet_port
        forwards = (
            f"capture:{CAPTURE_PORT}",
            f"here:{NODE_IP}:{self.plan.api_port}",
            f"publish:{port}={NODE_IP}:{port}",
        )
        argv = [sys.executable, "-m", "lab.node.relay", network, *forwards]
        relay = self._processes.start("relay", argv, cwd=PROJECT_ROOT)
        self._relay = relay
        wait_until(lambda: "relay: ready" in relay.log.read_text(), "the relay is ready", deadline=20, process=relay)

    def _first_inside(self) -> int:
        """Returns the process id of the first process inside, as seen from outside."""
        pid = self._process.pid if self._process else 0
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def _import_pause(self) -> None:
        layer = busybox_layer(self.plan.path("busybox.tar"), busybox())
        image = Image([layer], ["/bin/busybox", "sleep", "2147483647"])
        self.import_images(write_archive(self.plan.path("pause.tar"), {PAUSE_IMAGE: image}))

    def _ctr(self, *arguments: str) -> str:
        argv = [self.plan.programs["ctr"], "--address", str(self.plan.socket), "--namespace", "k8s.io", *arguments]
        env = {**os.environ, "LD_LIBRARY_PATH": self.plan.library_path}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=IMPORT_SECONDS)
        if done.returncode:
            raise LabError(f"`ctr {' '.join(arguments)}` ended with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _is_ready(self) -> bool:
        return self._plane.is_node_ready(NODE_NAME)


def _end(log: Path, name: str) -> str:
    return "\n".join([f"--- {name}", *log.read_text(errors="replace").splitlines()[-MAX_LOG_LINES:]])


def _plan(home: Path, plane: ControlPlane, processes: Processes) -> Plan:
    programs, cni_dir, library_path = node_programs()
    home.mkdir()
    return Plan(
        home=str(home),
        logs=str(processes.log_dir),
        kubeconfig=str(plane.component_kubeconfig("node")),
        api_port=urlsplit(plane.url).port or 443,
        kubelet_port=free_port(),
        first_port=PORTS.start,
        last_port=PORTS.stop - 1,
        cgroup=cgroups.make(),
        programs=programs,
        cni_dir=cni_dir,
        library_path=library_path,
    )
