"""What is where on the node: one value, written for the processes inside and read by them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

NODE_NAME = "localhost"
"""The API server dials a node by its name, and this is the one name that leads to loopback everywhere."""
NODE_IP = "192.168.77.1"
POD_RANGE = "10.88.0.0/16"
CLUSTER_DOMAIN = "cluster.local"
CAPTURE_PORT = 14999
"""Where the relay takes what was meant for a server of the lab; just below the range of those."""


@dataclass(frozen=True)
class Plan:
    """Places and programs; every path is the same inside and outside."""

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
        """The socket of containerd, in the file system both sides share."""
        return Path(self.home) / "containerd.sock"

    @property
    def network_up(self) -> Path:
        """A file that exists once the network inside is there."""
        return self.path("network-up")

    @property
    def certs_dir(self) -> Path:
        """Where containerd looks for the hosts it trusts, at each pull."""
        return Path(self.home) / "certs.d"

    @property
    def pod_logs(self) -> Path:
        """Where the logs of all containers lie."""
        return Path(self.home) / "var-log" / "pods"

    def path(self, name: str) -> Path:
        """A file of ours."""
        return Path(self.home) / name

    def write(self) -> Path:
        """Leave it where the first process inside reads it."""
        path = self.path("plan.json")
        path.write_text(json.dumps(asdict(self)))
        return path

    @classmethod
    def read(cls, path: Path) -> Plan:
        """What `write` left."""
        return cls(**json.loads(path.read_text()))
