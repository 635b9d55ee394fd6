"""Any other injector as a contender: a YAML file says how to run it, its binary comes from outside.

    name: example                      # also its name in the results
    title: owner/example v1
    business: Secret and ServiceAccount | Secret only
    limits: 1 worker; client limit 20/s, burst 30
    settings: what differs from its defaults, and why
    secretName: the name of the Secret it makes
    binary: example                    # file in BENCH_PEERS
    arguments: ["-kubeconfig", "${kubeconfig}"]
    environment: {NAME: value}
    inCluster: false                   # true: it knows only the files of a pod; needs root, for a mount of its own
    manifests: []                      # applied before its first start
    rotation: []                       # applied to give it another credential while it runs; absent = it cannot
    rotationFile: ""                   # or: a file that is rewritten, named ${credentialFile} in its arguments
    retirement: []                     # deleted to make it take everything back; absent = it has no way to

In every text: ${kubeconfig} ${secretName} ${namespace} ${dockerconfigjson} ${dockerconfigjsonBase64} ${host} ${port}
${credentialFile} ${portA} ${portB}.
"""

from __future__ import annotations

import base64
import json
import secrets
import shlex
from functools import partial
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from benchmarks.contender import Business, Card
from benchmarks.users import NAMESPACE, User
from lab.lab import Lab
from lab.process import LabError, Process, free_port, wait_until

FILES = Path(__file__).parent / "peers"
MOUNT = "/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod finds its account; /var/run is a link to /run."""


class PeerFile(BaseModel):
    """One file of `peers/`; see the module's docstring."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    name: str
    title: str
    business: Business
    limits: str
    settings: str
    secret_name: str
    binary: str
    arguments: list[str] = Field(default_factory=list)
    environment: dict[str, str] = Field(default_factory=dict)
    in_cluster: bool = False
    manifests: list[dict[str, Any]] = Field(default_factory=list)
    rotation: list[dict[str, Any]] = Field(default_factory=list)
    rotation_file: bool = False
    retirement: list[dict[str, Any]] = Field(default_factory=list)

    def card(self) -> Card:
        """What must be known of it to read its numbers."""
        texts = {"limits": self.limits, "settings": self.settings, "rights": "cluster-admin"}
        return Card(self.name, self.title, self.secret_name, self.business, **texts)


def read_files(directory: Path = FILES) -> list[PeerFile]:
    """Returns every contender that is described."""
    return [PeerFile.model_validate(yaml.safe_load(path.read_text())) for path in sorted(directory.glob("*.yaml"))]


class Peer:
    """Contender: the injector of a file, from a binary of `binaries`."""

    def __init__(self, lab: Lab, file: PeerFile, binaries: Path) -> None:
        self.card = file.card()
        self._lab = lab
        self._file = file
        self._binary = (binaries / file.binary).resolve()
        self._account = User(lab.control_plane, file.name)
        self.user = self._account.name
        self._process: Process | None = None
        self._values: dict[str, str] = {}

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise LabError(f"'{self._file.name}' was not started")
        return self._process.pid

    def start(self) -> None:
        """Starts it; the first time its manifests are applied before."""
        if not self._values:
            self._set_up()
        argv = [str(self._binary), *self._filled(self._file.arguments)]
        environment = self._filled(self._file.environment)
        if self._file.in_cluster:
            argv = self._in_pod(argv)
            environment |= {
                "KUBERNETES_SERVICE_HOST": self._values["host"],
                "KUBERNETES_SERVICE_PORT": self._values["port"],
            }
        env = {"KUBECONFIG": self._values["kubeconfig"], "POD_NAMESPACE": NAMESPACE, **environment}
        self._process = self._lab.processes.start(self._file.name, argv, env=env)

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.stop(timeout=20)

    def rotate(self) -> bool:
        """Rewrites its file or applies what its own documentation says to."""
        self._renew()
        if self._file.rotation:
            self._lab.control_plane.apply(*self._filled(self._file.rotation))
        return bool(self._file.rotation or self._file.rotation_file)

    def retire(self) -> bool:
        """Deletes what its own documentation says to."""
        for manifest in self._filled(self._file.retirement):
            self._lab.control_plane.kubectl(
                "delete", "--wait=false", "--ignore-not-found", "-f", "-", input=json.dumps(manifest)
            )
        return bool(self._file.retirement)

    def _set_up(self) -> None:
        plane = self._lab.control_plane
        address = urlsplit(plane.url)
        self._values = {
            "kubeconfig": str(self._account.kubeconfig()),
            "secretName": self._file.secret_name,
            "namespace": NAMESPACE,
            "host": str(address.hostname),
            "port": str(address.port),
            "credentialFile": str(plane.directory / f"{self._file.name}.dockerconfigjson"),
            "portA": str(free_port()),
            "portB": str(free_port()),
        }
        self._renew()
        for manifest in self._filled(self._file.manifests):
            wait_until(
                partial(self._is_taken, manifest), f"the manifests of '{self._file.name}' are taken", deadline=30
            )

    def _is_taken(self, manifest: dict[str, Any]) -> bool:
        """Applies one; a definition takes a moment before the API server knows objects of it."""
        try:
            self._lab.control_plane.apply(manifest)
        except LabError as error:
            if "no matches for kind" in str(error):
                return False
            raise
        return True

    def _renew(self) -> None:
        login = base64.b64encode(f"puller:{secrets.token_hex(16)}".encode()).decode()
        content = json.dumps({"auths": {"registry.bench.internal": {"auth": login}}})
        self._values["dockerconfigjson"] = content
        self._values["dockerconfigjsonBase64"] = base64.b64encode(content.encode()).decode()
        Path(self._values["credentialFile"]).write_text(content)

    def _in_pod(self, argv: list[str]) -> list[str]:
        """Wraps a command so that it finds its account where a pod does, in a mount namespace of its own."""
        directory = self._lab.control_plane.directory / f"{self._file.name}-account"
        directory.mkdir(exist_ok=True)
        (directory / "token").write_text(self._account.token())
        (directory / "ca.crt").write_text(self._lab.control_plane.ca_path.read_text())
        (directory / "namespace").write_text(NAMESPACE)
        source = shlex.quote(str(directory))
        script = f"mount -t tmpfs none /run && mkdir -p {MOUNT} && cp {source}/* {MOUNT} && exec {shlex.join(argv)}"
        return ["unshare", "--mount", "sh", "-c", script]

    def _filled(self, shape: Any) -> Any:
        """Returns the same shape with every text filled in."""
        if isinstance(shape, str):
            return Template(shape).substitute(self._values)
        if isinstance(shape, list):
            return [self._filled(item) for item in shape]
        if isinstance(shape, dict):
            return {key: self._filled(value) for key, value in shape.items()}
        return shape
