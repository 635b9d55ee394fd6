"""A host with a network and an `/etc` of its own, on which dockerd and skopeo pull from a registry with TLS.

Docker does not verify the certificates of loopback addresses, so the registry has another address, which exists only
there. A change of `/etc` is not one of the machine.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import yaml

from lab.debian import locate
from lab.images import make_image
from lab.process import LabError, Processes, free_port, wait_until
from lab.registry import Registry
from lab.skopeo import Skopeo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lab.certs import Authority
    from lab.process import Process

ADDRESS = "192.0.2.10"
"""An address of the range for documentation (RFC 5737)."""

PORT = 5000
IMAGE = f"{ADDRESS}:{PORT}/team-a/app:1"
PROGRAMS = {
    "dockerd": ["containerd", "docker.io", "runc"],
    "docker-registry": ["docker-registry"],
    "skopeo": ["skopeo"],
}
"""The programs, and the Debian packages of each."""

SETUP = f"""
ip link set lo up
ip address add {ADDRESS}/32 dev lo
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
mkdir -p /etc/docker/certs.d /etc/containers/certs.d
exec sleep infinity
"""


def require_programs() -> None:
    """Unpacks the programs that are not installed. Raises LabError if one cannot be had here, or without root."""
    if os.geteuid() != 0:
        raise LabError("only root can create the namespaces of a host")
    for program, packages in PROGRAMS.items():
        locate(program, packages)


class RuntimeHost:
    """The host; everything on it ends with `processes`."""

    def __init__(self, directory: Path, processes: Processes, holder: Process) -> None:
        self._directory = directory
        self._processes = processes
        self._enter = ["nsenter", f"--target={holder.pid}", "--net", "--mount"]
        self._daemon = locate("dockerd", PROGRAMS["dockerd"])
        client = self._daemon.beside("docker")  # Debian has the daemon in sbin, and Docker's own packages in bin
        self._client = client if client.exists() else self._daemon.beside("../bin/docker")

    @classmethod
    def start(cls, directory: Path, processes: Processes, authority: Authority) -> RuntimeHost:
        """Starts the host with a registry that has IMAGE. Raises LabError."""
        require_programs()
        area = directory / "area"
        area.mkdir(parents=True)
        inside = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", SETUP, "sh", str(area)]
        holder = processes.start("runtime-host", inside)
        host = cls(directory, processes, holder)
        wait_until(lambda: host.run("test", "-d", "/etc/containers/certs.d") == "", "the host is ready", deadline=20)
        host._start_registry(authority)
        return host

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None) -> str:
        """Runs a command on the host, and returns its errors if it fails, or an empty text."""
        done = subprocess.run(
            [*self._enter, *map(str, command)],
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.stderr or f"status {done.returncode}" if done.returncode else ""

    def spawn(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Process:
        """Starts a program on the host. Raises LabError."""
        return self._processes.start(name, [*self._enter, *command], env=env)

    def start_docker(self) -> None:
        """Starts dockerd, with its own containerd and without networks for containers. Raises LabError."""
        area = self._directory / "area"
        places = [f"--data-root={area}/data", f"--exec-root={area}/exec", f"--pidfile={area}/pid", self._socket]
        plain = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]
        daemon = self.spawn("dockerd", [self._daemon.path, *places, *plain], self._docker_env)
        wait_until(lambda: self._run_docker("version") == "", "dockerd answers", deadline=60, process=daemon)

    def pull_with_docker(self) -> str:
        """Pulls IMAGE again, and returns the error, or an empty text."""
        self._run_docker("image", "rm", "--force", IMAGE)
        return self._run_docker("pull", IMAGE)

    def pull_with_containers_image(self) -> str:
        """Reads IMAGE with the library of CRI-O and podman, and returns the error, or an empty text."""
        skopeo = Skopeo(self._directory / "skopeo", self._enter)
        return skopeo.inspect(IMAGE, home=self._directory)

    @property
    def _socket(self) -> str:
        return f"--host=unix://{self._directory}/area/docker.sock"

    @property
    def _docker_env(self) -> dict[str, str]:
        programs = [self._daemon.path.parent, self._client.parent]
        path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
        return {**self._daemon.env, "PATH": path, "HOME": str(self._directory)}

    def _run_docker(self, *arguments: str) -> str:
        return self.run(self._client, self._socket, *arguments, env=self._docker_env)

    def _start_registry(self, authority: Authority) -> None:
        """Pushes the image to a registry of the machine, and serves its storage on the host."""
        storage = {"filesystem": {"rootdirectory": str(self._directory / "images")}}
        config = self._directory / "registry.yml"
        address = f"127.0.0.1:{free_port()}"
        config.write_text(yaml.safe_dump({"version": 0.1, "storage": storage, "http": {"addr": address}}))
        registry = Registry.start(config, {}, self._processes, name="registry-to-push")
        make_image(self._directory / "image", size=1 << 12)
        Skopeo(self._directory / "push").copy_in(self._directory / "image", f"{address}/team-a/app:1")
        registry.stop()
        issued = authority.issue("runtime-host", hosts=(ADDRESS,))
        tls = {"certificate": str(issued.cert_path), "key": str(issued.key_path)}
        served = {"version": 0.1, "storage": storage, "http": {"addr": f"{ADDRESS}:{PORT}", "tls": tls}}
        config.write_text(yaml.safe_dump(served))
        tool = locate("docker-registry", PROGRAMS["docker-registry"])
        process = self.spawn("registry-of-host", [tool.path, "serve", config], tool.env)
        wait_until(
            lambda: "certificate" in self.pull_with_containers_image(),
            "the registry of the host answers",
            deadline=30,
            process=process,
        )
