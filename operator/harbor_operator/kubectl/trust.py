"""`trust`: the files and commands with which a node trusts the private CA of a registry; it writes nothing."""

from __future__ import annotations

import argparse
import base64
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harbor_operator.kubectl.cluster import Cluster, Manifest, connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import write, write_json
from harbor_operator.kubectl.registries import image_hosts, key_of, the_registry
from harbor_operator.kubectl.target import target_of
from harbor_operator.plan.node_files import CA_FILE, DIRECTORIES, HOSTS_FILE, Endpoint, certificates, hosts_toml

END_OF_FILE = "END_OF_FILE"


class Runtime(NamedTuple):
    """Where a container runtime looks for CAs; `notes` can contain the placeholder {directory}."""

    title: str
    directory: str
    notes: tuple[str, ...]


RUNTIMES: Mapping[str, Runtime] = {
    "containerd": Runtime(
        "containerd 1.5 or newer",
        DIRECTORIES["containerd"],
        (
            "containerd reads these files at each pull: it needs no restart for them.",
            "It must know their directory. `containerd config dump | grep config_path` must show '{directory}'.",
            "Otherwise set `config_path` in /etc/containerd/config.toml and restart containerd once. The section is",
            '[plugins."io.containerd.grpc.v1.cri".registry] in containerd 1, and',
            '[plugins."io.containerd.cri.v1.images".registry] in containerd 2.',
        ),
    ),
    "docker": Runtime(
        "docker", DIRECTORIES["docker"], ("docker reads this file at each connection: it needs no restart.",)
    ),
    "crio": Runtime(
        "CRI-O and podman",
        DIRECTORIES["crio"],
        ("CRI-O and podman read this file at each pull: they need no restart.",),
    ),
}


class File(NamedTuple):
    """A file of a node."""

    path: str
    content: str


class Plan(NamedTuple):
    """The files of one runtime, below its directory."""

    runtime: str
    directory: str
    files: list[File]

    @property
    def notes(self) -> list[str]:
        """What else the runtime needs."""
        return [note.format(directory=self.directory) for note in RUNTIMES[self.runtime].notes]


def run(options: argparse.Namespace) -> int:
    """Prints the files and commands for each runtime, or for the chosen one."""
    if options.certs_dir and not options.runtime:
        raise CommandError("`--certs-dir` is the directory of one runtime: set `--runtime` as well")
    with connect(target_of(options)) as cluster:
        registry = the_registry(cluster, options.name)
        authorities = read_authorities(cluster, registry)
    hosts, runtimes = image_hosts(registry), [options.runtime] if options.runtime else [*RUNTIMES]
    plans = [plan_files(runtime, options.certs_dir, hosts, authorities) for runtime in runtimes]
    if options.output == "json":
        write_json({"registry": key_of(registry), "hosts": [*hosts], "runtimes": [_as_json(plan) for plan in plans]})
        return 0
    write([f"# Trust for {', '.join(hosts)} (HarborRegistry '{key_of(registry)}'). Run as root on each node."])
    write(["umask 022"])
    for plan in plans:
        write(["", *script(plan)])
    return 0


def read_authorities(cluster: Cluster, registry: Manifest) -> str:
    """Returns the certificates of the CA as PEM. Raises CommandError if the registry names none."""
    key, spec = key_of(registry), registry["spec"]
    if spec["externalURL"].lower().startswith("http://"):
        raise CommandError(f"`spec.externalURL` of HarborRegistry '{key}' is plain HTTP, so there is no CA to trust")
    reference = spec.get("caSecretRef")
    if not reference:
        raise CommandError(
            f"HarborRegistry '{key}' names no CA, so nodes need a public certificate: set `spec.caSecretRef` if its "
            "certificate has a private CA"
        )
    name, field = reference["name"], reference.get("key", "ca.crt")
    secret = cluster.find(f"/api/v1/namespaces/{registry['metadata']['namespace']}/secrets/{name}")
    if secret is None:
        raise CommandError(f"there is no Secret '{name}', which `spec.caSecretRef` of HarborRegistry '{key}' names")
    found = certificates(_decoded((secret.get("data") or {}).get(field, "")))
    if not found:
        raise CommandError(f"Secret '{name}' has no PEM certificate under its key '{field}' (`spec.caSecretRef`)")
    return found


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode(errors="replace")
    except ValueError:
        return ""


def plan_files(runtime: str, directory: str, hosts: Sequence[str], authorities: str) -> Plan:
    """Returns the files of a runtime for hosts as they are in the names of images; '' is its usual directory."""
    plan = Plan(runtime, directory or RUNTIMES[runtime].directory, [])
    for host in hosts:
        path = f"{plan.directory}/{host}/{CA_FILE}"
        plan.files.append(File(path, authorities))
        if runtime == "containerd":
            content = hosts_toml(Endpoint(f"https://{host}", path))
            plan.files.append(File(f"{plan.directory}/{host}/{HOSTS_FILE}", content))
    return plan


def script(plan: Plan) -> Iterator[str]:
    """Yields the lines of a shell script that writes the files."""
    yield f"# {RUNTIMES[plan.runtime].title}"
    yield from (f"# {note}" for note in plan.notes)
    for folder in dict.fromkeys(file.path.rpartition("/")[0] for file in plan.files):
        yield f"mkdir -p {shlex.quote(folder)}"
    for file in plan.files:
        yield f"cat > {shlex.quote(file.path)} <<'{END_OF_FILE}'"
        yield from file.content.splitlines()
        yield END_OF_FILE


def _as_json(plan: Plan) -> dict[str, Any]:
    return {"runtime": plan.runtime, "files": [file._asdict() for file in plan.files], "notes": plan.notes}
