"""`kubectl harbor doctor` for a registry that the operator runs: what it has created is not taken for another's."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harbor_operator.kubectl.rights import Scope
from lab.operator import NAMESPACE as OPERATOR_NAMESPACE
from lab.registry_fixture import RegistryFixture
from tests.contract.kubectl_harbor import KubectlHarbor

pytestmark = pytest.mark.e2e


def test_a_registry_that_the_operator_runs_has_no_errors(full_registry: RegistryFixture, tmp_path: Path) -> None:
    registry, plane = full_registry.registry, full_registry.lab.control_plane
    path = tmp_path / "registry.yaml"
    metadata = {"name": registry.name, "namespace": registry.namespace}
    manifest = {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry", "metadata": metadata}
    path.write_text(yaml.safe_dump({**manifest, "spec": full_registry.spec}))
    chart = Path(full_registry.lab.chart.reference).resolve().parent
    harbor = KubectlHarbor(plane, {Scope.REGISTRY: registry.namespace, Scope.OPERATOR: OPERATOR_NAMESPACE})
    done = harbor.run("doctor", "-f", str(path), "--chart-sources", str(chart), "-o", "json", "--timeout", "60")
    assert (done.code, done.err) == (0, ""), done.out
    texts = {each["where"]: each["text"] for each in done.json["findings"] if each["level"] == "ok"}
    assert not [text for text in texts.values() if "would now" in text]
    levels = {each["where"]: each["level"] for each in done.json["findings"] if each["level"] != "warning"}
    assert levels == dict.fromkeys(
        (
            "spec.database",
            "spec.cache",
            "spec.storage",
            "spec.release",
            "spec.release.chart",
            "spec.release.serviceAccountName",
            "spec.externalURL",
        ),
        "ok",
    )
