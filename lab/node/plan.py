"""Paths and programs of the node, written to a file for the processes inside."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

NODE_NAME = "localhost"
"""The API server connects to a node by its name; this name resolves to loopback on every machine."""
NODE_IP = "192.168.77.1"
POD_RANGE = "10.88.0.0/16"
CLUSTER_DOMAIN = "cluster.local"
CAPTURE_PORT = 14999
"""The port of the relay for connections to the lab's servers; just below their range."""


@dataclass(frozen=True)
class Plan:
    """All paths are the same inside and outside."""

    home: str
    logs: str
    kubeconfig: str
    api_port: int
    kubelet_port: int
    first_port: int
    last_port: int
    cgroup: str
    programs: dict[str, str]
    cni_dir: str
    library_path: str

    @property
    def socket(self) -> Path:
        """The socket of containerd, on the shared file system."""
        return Path(self.home) / "containerd.sock"

    @property
    def network_up(self) -> Path:
        """A file that exists after the network inside is set up."""
        return self.path("network-up")

    @property
    def certs_dir(self) -> Path:
        """The directory that containerd reads at each pull for trusted registries."""
        return Path(self.home) / "certs.d"

    @property
    def pod_logs(self) -> Path:
        """The directory with the logs of all containers."""
        return Path(self.home) / "var-log" / "pods"

    def path(self, name: str) -> Path:
        """Returns a path below the home directory."""
        return Path(self.home) / name

    def write(self) -> Path:
        """Writes the file that the first process inside reads, and returns its path."""
        path = self.path("plan.json")
        path.write_text(json.dumps(asdict(self)))
        return path

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Reads the file of `write`."""
        return cls(**json.loads(path.read_text()))
