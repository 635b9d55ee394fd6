"""Another injector: a YAML file describes how to run it; its binary is supplied from outside.

    name: example                      # also its name in the results
    title: owner/example v1
    scope: Secret and ServiceAccount | Secret only
    limits: 1 worker; client limit 20/s, burst 30
    settings: the settings that differ from its defaults, and why
    secretName: the name of the Secret that it creates
    binary: example                    # file in BENCH_PEERS
    arguments: ["-kubeconfig", "${kubeconfig}"]
    environment: {NAME: value}
    inCluster: false                   # true: it reads only the files of a pod; needs root for a private mount
    manifests: []                      # applied before its first start
    rotation: []                       # applied to change its credential while it runs; absent = not supported
    rotationFile: ""                   # or: a file that is rewritten; its arguments name it as ${credentialFile}
    uninstall: []                     # deleted to make it delete all its objects; absent = not supported

Variables in every text: ${kubeconfig} ${secretName} ${namespace} ${dockerconfigjson} ${dockerconfigjsonBase64} ${host}
${port} ${credentialFile} ${portA} ${portB}.
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

from benchmarks.injector import InjectorInfo, Scope
from benchmarks.users import NAMESPACE, User
from lab.lab import Lab
from lab.process import LabError, Process, free_port, wait_until

FILES = Path(__file__).parent / "peers"
MOUNT = "/run/secrets/kubernetes.io/serviceaccount"
"""The directory of a pod's service account; /var/run is a link to /run."""


class PeerFile(BaseModel):
    """One file of `peers/`; see the module's docstring."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    name: str
    title: str
    scope: Scope
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
    uninstall: list[dict[str, Any]] = Field(default_factory=list)

    def info(self) -> InjectorInfo:
        """Returns the facts that explain its numbers."""
        texts = {"limits": self.limits, "settings": self.settings, "rights": "cluster-admin"}
        return InjectorInfo(self.name, self.title, self.secret_name, self.scope, **texts)


def read_files(directory: Path = FILES) -> list[PeerFile]:
    """Returns the descriptions of all peers."""
    return [PeerFile.model_validate(yaml.safe_load(path.read_text())) for path in sorted(directory.glob("*.yaml"))]


class Peer:
    """The injector of a file, with its binary in `binaries`."""

    def __init__(self, lab: Lab, file: PeerFile, binaries: Path) -> None:
        self.info = file.info()
        self._lab = lab
        self._file = file
        self._binary = (binaries / file.binary).resolve()
        self._account = User(lab.control_plane, file.name)
        self.user = self._account.name
        self._process: Process | None = None
        self._values: dict[str, str] = {}

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise LabError(f"'{self._file.name}' was not started")
        return self._process.pid

    def start(self) -> None:
        """Starts it; before the first start its manifests are applied."""
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
        """Stops it."""
        if self._process is not None:
            self._process.stop(timeout=20)

    def rotate(self) -> bool:
        """Changes the credential as its documentation describes."""
        self._renew()
        if self._file.rotation:
            self._lab.control_plane.apply(*self._filled(self._file.rotation))
        return bool(self._file.rotation or self._file.rotation_file)

    def uninstall(self) -> bool:
        """Deletes the objects that its documentation names."""
        for manifest in self._filled(self._file.uninstall):
            self._lab.control_plane.kubectl(
                "delete", "--wait=false", "--ignore-not-found", "-f", "-", input=json.dumps(manifest)
            )
        return bool(self._file.uninstall)

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
                partial(self._is_applied, manifest), f"the manifests of '{self._file.name}' are applied", deadline=30
            )

    def _is_applied(self, manifest: dict[str, Any]) -> bool:
        """Applies one manifest; the API server needs a moment to serve a new CRD."""
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
        """Wraps a command so that it finds its service account files as in a pod, in a private mount namespace."""
        directory = self._lab.control_plane.directory / f"{self._file.name}-account"
        directory.mkdir(exist_ok=True)
        (directory / "token").write_text(self._account.token())
        (directory / "ca.crt").write_text(self._lab.control_plane.ca_path.read_text())
        (directory / "namespace").write_text(NAMESPACE)
        source = shlex.quote(str(directory))
        script = f"mount -t tmpfs none /run && mkdir -p {MOUNT} && cp {source}/* {MOUNT} && exec {shlex.join(argv)}"
        return ["unshare", "--mount", "sh", "-c", script]

    def _filled(self, shape: Any) -> Any:
        """Returns the same structure with variables substituted in every text."""
        if isinstance(shape, str):
            return Template(shape).substitute(self._values)
        if isinstance(shape, list):
            return [self._filled(item) for item in shape]
        if isinstance(shape, dict):
            return {key: self._filled(value) for key, value in shape.items()}
        return shape
