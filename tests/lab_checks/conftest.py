"""One lab with a real node, whose Harbor core comes from a supplied image archive."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.chart import resolve
from lab.lab import Lab
from lab.node.archive import add_file
from lab.node.images import harbor_images
from lab.node.kubelet import KubeletNode


@pytest.fixture(scope="package")
def core_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in for core in a separate archive with its own image name, as a user would supply it."""
    return _extracted(harbor_images(resolve()), "harbor-core", tmp_path_factory.mktemp("core") / "core.tar")


@pytest.fixture(scope="package")
def node_lab(core_image: Path) -> Iterator[Lab]:
    with Lab.start(kubelet=True, core_image=core_image) as lab:
        yield lab


@pytest.fixture(scope="package")
def node(node_lab: Lab) -> KubeletNode:
    assert node_lab.kubelet is not None
    return node_lab.kubelet


def _extracted(archive: Path, part: str, target: Path) -> Path:
    """Copies one image of a docker archive to a new archive, with a different name and digest."""
    with tarfile.open(archive) as source, tarfile.open(target, "w") as copy:
        (entry,) = [one for one in json.loads(_read(source, "manifest.json")) if part in one["RepoTags"][0]]
        config = json.loads(_read(source, entry["Config"]))
        config["config"]["Labels"] = {"from": "outside"}
        content = json.dumps(config).encode()
        name = f"{hashlib.sha256(content).hexdigest()}.json"
        add_file(copy, name, content)
        for layer in entry["Layers"]:
            copy.addfile(source.getmember(layer), source.extractfile(layer))
        listed = [{**entry, "Config": name, "RepoTags": ["example.com/mine:1"]}]
        add_file(copy, "manifest.json", json.dumps(listed).encode())
    return target


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    content = archive.extractfile(name)
    assert content is not None
    return content.read()
