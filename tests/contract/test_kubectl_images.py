"""`kubectl harbor images` with a real helm and a chart: all images, also those of the user's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from harbor_operator.api.charts import SWIFT_RANGE
from lab.chart import LAB_CHART, VERSION
from lab.registries import example, merged
from tests.contract.kubectl_harbor import SCHEMAS, Done, execute

pytestmark = pytest.mark.lab


def images(folder: Path, spec: dict[str, Any], *arguments: str) -> Done:
    path = folder / "registry.yaml"
    metadata = {"name": "cr", "namespace": "intra"}
    manifest = {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry", "metadata": metadata}
    path.write_text(yaml.safe_dump_all([{"kind": "Namespace"}, {**manifest, "spec": spec}]))
    return execute(["images", "-f", str(path), *arguments])


@pytest.fixture
def spec() -> dict[str, Any]:
    (full,) = example("full.yaml")
    return merged(full["spec"], {"release": {"chart": "harbor", "version": VERSION}})


def test_every_image_of_the_chart(spec: dict[str, Any], tmp_path: Path) -> None:
    done = images(tmp_path, spec, "--chart", str(LAB_CHART), "-o", "json")
    assert done.code == 0, done.err
    jsonschema.validate(done.json, json.loads((SCHEMAS / "images.json").read_text()))
    assert done.json["registry"] == "intra/cr"
    found = done.json["images"]
    assert found == sorted(set(found))
    assert any("harbor-core" in image for image in found)
    assert any("registry-photon" in image for image in found)


def test_the_values_of_the_spec_count(spec: dict[str, Any], tmp_path: Path) -> None:
    mirror = {"core": {"image": {"repository": "mirror.example.com/goharbor/harbor-core"}}}
    done = images(tmp_path, merged(spec, {"release": {"values": mirror}}), "--chart", str(LAB_CHART))
    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if line.startswith("mirror.example.com/goharbor/harbor-core:")]


def test_a_refused_spec_names_the_reason(spec: dict[str, Any], tmp_path: Path) -> None:
    done = images(tmp_path, merged(spec, {"release": {"version": "1.99.0"}}))
    assert (done.code, done.out) == (2, "")
    assert "SwiftUnsupported: " in done.err
    assert f"use a chart from {SWIFT_RANGE}, or migrate the images off Swift first" in done.err
    assert images(tmp_path, spec, "--chart", str(LAB_CHART)).code == 0
    done = images(tmp_path, merged(spec, {"externalURL": "not a URL"}))
    assert done.code == 2
    assert "externalURL" in done.err


def test_a_file_without_a_registry(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("kind: Namespace\n")
    done = execute(["images", "-f", str(path)])
    assert done.err == f"error: `-f {path}` contains 0 objects of kind HarborRegistry: give one\n"
