"""The list of contents of the image, joined from its parts, and the licence texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.image_documents import (
    HELM,
    ROOT,
    DocumentsError,
    Json,
    check_valid,
    combined,
    copy_licences,
    debian_components,
    main,
)

CREATED = datetime(2026, 11, 27, tzinfo=UTC)
STATUS = """Package: libc6
Status: install ok installed
Version: 2.41-12+deb13u1
Architecture: amd64
Description: GNU C Library
 Package: none of this line

Package: removed
Status: deinstall ok config-files
Version: 1
Architecture: all
"""


def component(name: str, reference: str) -> Json:
    return {"type": "library", "name": name, "version": "1", "bom-ref": reference}


@pytest.fixture
def python() -> Json:
    components = [component("kopf", "kopf==1"), component("aiohttp", "aiohttp==1")]
    edges = [{"ref": "kopf==1", "dependsOn": ["aiohttp==1"]}, {"ref": "aiohttp==1"}]
    return {"components": components, "dependencies": edges}


@pytest.fixture
def go() -> Json:
    return {
        "metadata": {"component": component(HELM, "pkg:golang/helm")},
        "components": [component("std", "pkg:golang/std")],
        "dependencies": [{"ref": "pkg:golang/helm", "dependsOn": ["pkg:golang/std"]}],
    }


@pytest.fixture
def database(tmp_path: Path) -> Path:
    folder = tmp_path / "dpkg"
    (folder / "status.d").mkdir(parents=True)
    (folder / "status").write_text(STATUS)
    (folder / "status.d" / "tzdata").write_text("Package: tzdata\nVersion: 1:2026a\nArchitecture: all\n")
    (folder / "status.d" / "tzdata.md5sums").write_text("0  usr/share/zoneinfo/UTC\n")
    return folder


def test_every_part_is_listed_and_reachable_from_the_image(python: Json, go: Json, database: Path) -> None:
    bom = combined("0.1.0", CREATED, python, go, list(debian_components(database)))
    assert bom["metadata"]["timestamp"] == "2026-11-27T00:00:00Z"
    assert [item["name"] for item in bom["components"]] == ["aiohttp", "kopf", "libc6", "tzdata", HELM, "std"]
    edges = {edge["ref"]: edge.get("dependsOn", []) for edge in bom["dependencies"]}
    libc, tzdata = "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64", "pkg:deb/debian/tzdata@1:2026a?arch=all"
    assert edges[ROOT] == ["kopf==1", libc, tzdata, "pkg:golang/helm"]
    assert edges["pkg:golang/helm"] == ["pkg:golang/std"]
    assert bom["components"][-1]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    check_valid(json.dumps(bom))


@pytest.mark.parametrize("part", ["python", "go", "debian"])
def test_an_empty_part_is_refused(part: str, python: Json, go: Json, database: Path) -> None:
    debian = [] if part == "debian" else list(debian_components(database))
    parts = ({} if part == "python" else python, {} if part == "go" else go, debian)
    with pytest.raises(DocumentsError, match="was found in the image"):
        combined("0.1.0", CREATED, *parts)


def test_an_invalid_document_is_refused() -> None:
    with pytest.raises(DocumentsError, match="not valid CycloneDX"):
        check_valid('{"bomFormat": "CycloneDX"}')


def test_licence_texts_are_copied_with_their_folders(tmp_path: Path) -> None:
    metadata = tmp_path / "lib" / "kopf-1.dist-info"
    (metadata / "licenses" / "vendored").mkdir(parents=True)
    for name in ("licenses/LICENSE", "licenses/vendored/COPYING.txt", "RECORD"):
        (metadata / name).write_text(name)
    copy_licences(tmp_path / "lib", tmp_path / "out")
    copies = tmp_path / "out" / "kopf-1" / "licenses"
    found = {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {copies / "LICENSE", copies / "vendored" / "COPYING.txt"}


def test_a_package_without_a_licence_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bare-1.dist-info").mkdir()
    with pytest.raises(DocumentsError, match="'bare-1' contains no licence text"):
        copy_licences(tmp_path, tmp_path / "out")


def test_the_same_input_gives_the_same_files(
    tmp_path: Path, python: Json, go: Json, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "version.py").write_text('__version__ = "0.1.0"\n')
    (tmp_path / "python.json").write_text(json.dumps(python))
    (tmp_path / "go.json").write_text(json.dumps(go))
    (tmp_path / "lib" / "kopf-1.dist-info").mkdir(parents=True)
    (tmp_path / "lib" / "kopf-1.dist-info" / "LICENSE").write_text("text")
    texts = []
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        inputs = {"version-of": "version.py", "python": "python.json", "go": "go.json", "debian": "dpkg"}
        values = {**inputs, "packages": "lib", "output": run}
        assert main([f"--{name}={tmp_path / value}" for name, value in values.items()]) == 0
        texts.append((tmp_path / run / "sbom.cdx.json").read_text())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["metadata"]["component"]["version"] == "0.1.0"
    (tmp_path / "version.py").write_text("")
    assert main([f"--{name}={tmp_path / value}" for name, value in values.items()]) == 1
    assert "sets no `__version__`" in capsys.readouterr().err
