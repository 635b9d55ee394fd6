"""What the operator's image contains: no build tools, files for every user, its documents, and its size."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harbor_operator import __version__
from lab.image_build.__main__ import MAX_MIB
from lab.image_build.archive import ImageArchive, ImageFile
from lab.image_build.operator import LOCK, missing_requirement, operator_image
from lab.in_cluster import REPOSITORY, TAG
from tools.image_documents import HELM, check_valid

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing_requirement()), reason=missing_requirement()),
]

DOCUMENTS = "/usr/share/doc/harbor-operator"
LIBRARY = "/opt/operator/lib"
FORBIDDEN = re.compile(
    r".*/bin/(sh|bash|dash|busybox|apt(-get)?|dpkg|perl|g?cc|cc1|ld|as|make|go|pip[\d.]*)"
    r"|.*/(pip|setuptools|wheel)/__init__\.py|.*\.whl"
)


@pytest.fixture(scope="module")
def image() -> ImageArchive:
    return ImageArchive(operator_image(f"{REPOSITORY}:{TAG}"))


@pytest.fixture(scope="module")
def files(image: ImageArchive) -> dict[str, ImageFile]:
    return image.files()


@pytest.fixture(scope="module")
def components(image: ImageArchive) -> list[dict[str, Any]]:
    text = image.read(f"{DOCUMENTS}/sbom.cdx.json").decode()
    check_valid(text)
    bom = json.loads(text)
    assert bom["metadata"]["component"]["version"] == __version__
    found: list[dict[str, Any]] = bom["components"]
    return found


def test_a_node_stores_less_than_the_limit(image: ImageArchive) -> None:
    assert image.compressed_mib() < image.unpacked_mib() < MAX_MIB


def test_no_shell_compiler_or_package_manager_is_in_the_image(files: dict[str, ImageFile]) -> None:
    assert [path for path in files if FORBIDDEN.fullmatch(path)] == []


def test_every_user_can_read_every_file(files: dict[str, ImageFile]) -> None:
    ours = [file for path, file in files.items() if path.startswith(("/opt", "/usr/local", DOCUMENTS))]
    closed = [file.path for file in ours if file.mode & (0o5 if file.is_directory else 0o4) == 0]
    assert closed == []
    assert files["/usr/local/bin/helm"].mode & 0o1 == 1


def test_nothing_gives_more_rights(files: dict[str, ImageFile]) -> None:
    assert [path for path, file in files.items() if file.mode & 0o6000 and not file.is_directory] == []


def test_the_user_is_a_number_and_not_root(image: ImageArchive) -> None:
    assert image.configuration["config"]["User"] == "65532:65532"


def test_the_labels_are_those_of_the_specification(image: ImageArchive) -> None:
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in image.labels.items()}
    assert labels["title"] == "harbor-operator"
    assert labels["licenses"] == "Apache-2.0"
    assert labels["version"] == __version__
    assert {"created", "description", "revision", "source"} <= labels.keys()


def test_every_import_is_compiled(files: dict[str, ImageFile]) -> None:
    """Python could not write the compiled files: the root file system is read-only."""
    for folder in ("/usr/lib/python3.13/asyncio", "/opt/operator/src/harbor_operator", f"{LIBRARY}/kopf/_core/reactor"):
        sources = {path for path in files if re.fullmatch(rf"{folder}/\w+\.py", path)}
        compiled = {re.sub(r"/(\w+)\.py$", r"/__pycache__/\1.cpython-313.pyc", path) for path in sources}
        assert compiled
        assert compiled <= files.keys()


def test_the_list_names_every_package_of_the_lock(components: list[dict[str, Any]]) -> None:
    pins = re.findall(r"^(\S+)==\S+ (; )?", LOCK.read_text(), re.MULTILINE)
    always = {name for name, marker in pins if not marker}
    listed = {item["purl"].split("/")[1].split("@")[0] for item in components if item["purl"].startswith("pkg:pypi/")}
    assert {"kopf", "aiohttp"} <= listed
    assert always <= listed <= {name for name, _ in pins}


def test_the_list_names_helm_its_modules_and_the_base(components: list[dict[str, Any]]) -> None:
    names = {item["name"] for item in components}
    assert {HELM, "k8s.io/client-go", "std", "libc6", "libpython3.13-stdlib", "libssl3t64"} <= names


def test_the_list_names_the_licence_of_every_package_and_module(components: list[dict[str, Any]]) -> None:
    """The licence texts of Debian packages name no SPDX identifiers."""
    unknown = [item["name"] for item in components if not item.get("licenses")]
    assert {item["name"] for item in components if item["purl"].startswith("pkg:deb/")} == set(unknown)


def test_the_licence_texts_are_complete(components: list[dict[str, Any]], files: dict[str, ImageFile]) -> None:
    folder = f"{DOCUMENTS}/licenses"
    texts = [path for path, file in files.items() if path.startswith(f"{folder}/") and file.size]
    owners = {path.removeprefix(f"{folder}/go/").split("@")[0] for path in texts if path.startswith(f"{folder}/go/")}
    modules = {item["name"] for item in components if item["purl"].startswith("pkg:golang/")}
    assert modules - owners == set()
    packages = {path.split("/")[-2] for path in files if re.fullmatch(rf"{LIBRARY}/[^/]+\.dist-info/METADATA", path)}
    assert {path.removeprefix(f"{folder}/python/").split("/")[0] for path in texts} >= {
        package.removesuffix(".dist-info") for package in packages
    }
    assert {f"{DOCUMENTS}/LICENSE", f"{DOCUMENTS}/NOTICE", "/usr/share/doc/libc6/copyright"} <= files.keys()
