"""The command `kubectl harbor doctor` with a spec that differs in some fields."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

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
