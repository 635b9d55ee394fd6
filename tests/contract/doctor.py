"""The command `kubectl harbor doctor` with a spec that differs in some fields."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.model.storage import Container, ContainerOwner, SwiftAccount
from harbor_operator.plan.container_owner import owner_metadata
from harbor_operator.plan.storage import PROOF_OBJECT
from lab.registries import merged
from lab.registry_fixture import RegistryFixture
from tests.contract.kubectl_harbor import Done, KubectlHarbor


class Doctor:
    """Runs the command with a spec that differs in some fields."""

    def __init__(self, fixture: RegistryFixture, harbor: KubectlHarbor, path: Path) -> None:
        self._fixture = fixture
        self._harbor = harbor
        self._path = path

    def run(self, changes: Mapping[str, Any], *arguments: str) -> Done:
        """Returns how the command ended."""
        return self._harbor.run("doctor", *self._arguments(changes), *arguments)

    def command(self, changes: Mapping[str, Any]) -> list[str]:
        """Returns the command for a process of its own."""
        kubeconfig = str(self._harbor.person("doctor"))
        # Without this, a test in the background would pass on that it ignores the signal.
        module = ["env", "--default-signal=INT", sys.executable, "-m", "harbor_operator.kubectl"]
        return [*module, "doctor", *self._arguments(changes), "--kubeconfig", kubeconfig]

    def _arguments(self, changes: Mapping[str, Any]) -> list[str]:
        metadata = {"name": "cr", "namespace": self._fixture.registry.namespace}
        manifest = {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry", "metadata": metadata}
        self._path.write_text(yaml.safe_dump({**manifest, "spec": merged(self._fixture.spec, dict(changes))}))
        chart = Path(self._fixture.lab.chart.reference).resolve().parent
        return ["-f", str(self._path), "--chart-sources", str(chart)]

    def codes(self, changes: Mapping[str, Any], *arguments: str) -> tuple[int, dict[str, str]]:
        """Returns the exit code, and the errors by their place in the spec."""
        done = self.run(changes, "-o", "json", *arguments)
        assert done.err == ""
        return done.code, {each["where"]: each["code"] for each in done.json["findings"] if each["level"] == "error"}


@asynccontextmanager
async def retained_images(fixture: RegistryFixture, cluster: str) -> AsyncIterator[None]:
    """The container of the spec with an image, as an earlier HarborRegistry of this name has left it."""
    lab, login = fixture.lab, fixture.registry.secret("swift")
    url, ca = lab.services.auth_url, lab.authority.ca_pem
    store = SwiftObjectStore()
    session = await store.login(SwiftAccount(url, login["username"], SecretStr(login["password"]), "swift", ca))
    at = Container(session, fixture.container)
    await store.ensure_container(at)
    mark = owner_metadata(ContainerOwner("uid-0", cluster, f"{fixture.registry.namespace}/cr"))
    await store.write_object(at, PROOF_OBJECT, b"", mark)
    await store.write_object(at, "files/docker/registry/v2/blob", b"layer", {})
    try:
        yield
    finally:
        await store.remove_objects(at, await store.list_objects(at, "", 10))
        await store.remove_container(at)


def state(fixture: RegistryFixture) -> dict[str, Any]:
    """Returns what the command could have left in the cluster and in the store."""
    ceph, namespace = fixture.lab.services.ceph, fixture.registry.namespace
    listed = fixture.lab.control_plane.client.read(f"/api/v1/namespaces/{namespace}/secrets") or {}
    secrets = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in listed["items"]}
    return {"secrets": secrets, "objects": {name: ceph.objects(name) for name in ceph.containers()}}


def read_terminal(terminal: int) -> bytes:
    """Returns what a process has written there; empty once no process has the other end open."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
