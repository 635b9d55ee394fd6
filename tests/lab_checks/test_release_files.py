"""`install.yaml` contains the objects of `deploy/`, and the chart can be packaged and pushed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.gotools import program
from lab.process import Processes, free_port
from lab.registry import Registry
from tools import release_files

IMAGE = "cr.example.com:5000/platform/harbor-operator"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"


CHART = {
    "Chart.yaml": "{apiVersion: v2, name: harbor-operator, version: 0.0.0}",
    "values.yaml": "image:\n  repository: dev\n  tag: dev\n  digest: ''\n",
    "templates/image.yaml": "# {{ .Values.image.repository }}:{{ .Values.image.tag }}@{{ .Values.image.digest }}\n",
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    home = tmp_path_factory.mktemp("registry")
    processes = Processes(home / "logs")
    config = {
        "version": 0.1,
        "http": {"addr": f"127.0.0.1:{free_port()}"},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}},
    }
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    yield Registry.start(home / "config.yaml", {}, processes)
    processes.stop_all()


def objects(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def images(documents: list[dict[str, Any]]) -> Iterator[str]:
    for document in documents:
        if document["kind"] == "Deployment":
            for container in document["spec"]["template"]["spec"]["containers"]:
                yield container["image"]
                container["image"] = ""


@pytest.mark.parametrize("suffix", [":0.1.0", f"@{DIGEST}", f":0.1.0@{DIGEST}"])
def test_the_manifest_is_deploy_with_another_image(suffix: str) -> None:
    kubectl = str(program("kubectl"))
    command = [kubectl, "kustomize", str(release_files.ROOT / "deploy")]
    shipped = objects(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    written = objects(release_files.install_manifest(IMAGE + suffix))
    assert list(images(written)) == [IMAGE + suffix]
    assert list(images(shipped)) == ["harbor-operator:dev"]
    assert written == shipped


def test_the_files_are_complete_and_the_same_in_a_second_run(tmp_path: Path) -> None:
    (tmp_path / "licenses").mkdir()
    (tmp_path / "licenses" / "LICENSE").write_text("text")
    (tmp_path / "sbom.cdx.json").write_text("{}")
    names = {path.name for path in release_files.write(tmp_path, f"{IMAGE}:0.1.0")}
    assert {"install.yaml", "sbom.cdx.json", "licenses.tar.gz", "SHA256SUMS"} <= names
    first = (tmp_path / "install.yaml").read_bytes(), (tmp_path / "licenses.tar.gz").read_bytes()
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)
    release_files.write(tmp_path, f"{IMAGE}:0.1.0")
    assert first == ((tmp_path / "install.yaml").read_bytes(), (tmp_path / "licenses.tar.gz").read_bytes())


@pytest.mark.lab
def test_the_chart_is_pushed_with_the_image_of_the_release(tmp_path: Path, registry: Registry) -> None:
    for name, text in CHART.items():
        (tmp_path / "chart" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "chart" / name).write_text(text)
    archive = release_files.package_chart(tmp_path / "chart", tmp_path, f"{IMAGE}:0.1.0@{DIGEST}")
    assert archive is not None
    assert archive.name == f"harbor-operator-{release_files.version()}.tgz"
    repository = f"oci://{registry.address}/charts"
    digest = release_files.push_chart(archive, repository, ["--plain-http"])
    helm = [str(program("helm")), "template", f"{repository}/harbor-operator@{digest}", "--plain-http"]
    done = subprocess.run(helm, capture_output=True, text=True, check=True)
    assert f"# {IMAGE}:0.1.0@{DIGEST}" in done.stdout
