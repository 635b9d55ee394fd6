"""A control plane, an operator, and a Harbor that no HarborRegistry has installed: enough to inject pull Secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from lab.harbor.shared import SharedHarbor
from lab.kubernetes_client import Manifest
from lab.lab import Lab, Part
from lab.registries import Registry
from lab.registry_fixture import ROOT, install
from tests.e2e.running_operator import RunningOperator


@dataclass
class PullOnlyLab:
    """The running parts; every registry that the test prepares names the same Harbor."""

    lab: Lab
    running_operator: RunningOperator
    harbor: SharedHarbor

    def prepare(self, namespace: str, *, with_rights: bool = True) -> Registry:
        """Returns a registry that is not applied, with the Secrets that its spec references."""
        registry = Registry(self.lab.control_plane, namespace, "cr")
        if with_rights:
            registry.prepare()
        else:
            self.lab.control_plane.kubectl("create", "namespace", namespace)
        registry.put_secrets(
            {
                "ca": {"ca.crt": self.lab.authority.ca_path.read_text()},
                "harbor-admin": {"password": self.harbor.core.admin_password},
            }
        )
        return registry

    def spec(self, **section: Any) -> Manifest:
        """Returns a spec with these fields of `pullSecrets`; the credential is a robot by default."""
        return {
            "externalURL": self.harbor.url,
            "caSecretRef": {"name": "ca"},
            "checkIntervalSeconds": 5,
            "adminPasswordSecretRef": {"name": "harbor-admin"},
            "pullSecrets": {"credential": {"robot": {}}, **section},
        }

    def remove(self, registry: Registry) -> None:
        """Deletes a registry and its namespace."""
        registry.delete()
        self.lab.control_plane.kubectl("delete", "namespace", registry.namespace, "--wait=false")


@pytest.fixture(scope="module", name="pull_only")
def pull_only_lab() -> Iterator[PullOnlyLab]:
    """The lab of the module, which imports this fixture together with `lab_of_pull_only`."""
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        install(lab)
        harbor = SharedHarbor.start(lab.directory / "shared-harbor", lab.processes, lab.authority)
        running_operator = RunningOperator(lab)
        try:
            running_operator.operator.wait_leading()
            yield PullOnlyLab(lab, running_operator, harbor)
        finally:
            running_operator.end()


@pytest.fixture(scope="module", name="registry")
def ready_registry(pull_only: PullOnlyLab) -> Iterator[Registry]:
    """A registry with a robot, ready."""
    registry = pull_only.prepare("intra")
    registry.apply(pull_only.spec())
    registry.wait_ready()
    yield registry
    registry.delete()


@pytest.fixture(scope="module", name="lab")
def lab_of_pull_only(pull_only: PullOnlyLab) -> Lab:
    """The lab of the module."""
    return pull_only.lab


@contextmanager
def naming_secrets(lab: Lab, *names: str) -> Iterator[None]:
    """Allows these Secret names in the ClusterRole until the block ends."""
    shipped = list(yaml.safe_load_all((ROOT / "deploy" / "base" / "rbac.yaml").read_text()))
    (role,) = [
        item for item in shipped if item["kind"] == "ClusterRole" and item["metadata"]["name"] == "harbor-operator"
    ]
    rules = [{**rule, "resourceNames": names} if rule["resources"] == ["secrets"] else rule for rule in role["rules"]]
    lab.control_plane.apply({**role, "rules": rules})
    try:
        yield
    finally:
        lab.control_plane.apply(role)
