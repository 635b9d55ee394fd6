"""The files of a release that need no server: licence archive, checksums, and what is refused."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from lab.process import LabError
from tools.release_files import (
    archive_licences,
    chart_values,
    checksums,
    install_manifest,
    main,
    package_chart,
    packaged_chart,
)

VALUES = """
sidecar: {repository: other, tag: "1"}
image:
  # Repository of the image.
  repository: ghcr.io/harbor-operator/harbor-operator

  # Tag of the image.
  tag: ""
  digest: ""
  pull: Always # always
proxy:
  tag: "2"
"""


@pytest.fixture
def licences(tmp_path: Path) -> Path:
    folder = tmp_path / "licenses"
    (folder / "go" / "std@go1.26").mkdir(parents=True)
    (folder / "go" / "std@go1.26" / "LICENSE").write_text("BSD")
    (folder / "python").mkdir()
    return folder


def test_the_archive_depends_on_names_and_contents_only(licences: Path, tmp_path: Path) -> None:
    first = archive_licences(licences, tmp_path / "first.tar.gz").read_bytes()
    text = licences / "go" / "std@go1.26" / "LICENSE"
    text.chmod(0o600)
    os.utime(text, (1, 1))
    second = archive_licences(licences, tmp_path / "second.tar.gz").read_bytes()
    assert first == second
    assert gzip.decompress(first)
    with tarfile.open(tmp_path / "first.tar.gz") as content:
        assert content.getnames() == [
            "licenses/go",
            "licenses/go/std@go1.26",
            "licenses/go/std@go1.26/LICENSE",
            "licenses/python",
        ]
        assert {(entry.uid, entry.uname) for entry in content} == {(0, "")}


def test_sha256sum_accepts_the_checksums(tmp_path: Path) -> None:
    files = [tmp_path / "sbom.cdx.json", tmp_path / "install.yaml"]
    for file in files:
        file.write_text(file.name)
    (tmp_path / "SHA256SUMS").write_text(checksums(files))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "install.yaml: OK\nsbom.cdx.json: OK\n"
    files[0].write_text("changed")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("image", ["", "harbor-operator", "cr.example.com:5000/harbor-operator", "a:1@sha256:short"])
def test_an_image_without_tag_and_digest_is_refused(image: str) -> None:
    with pytest.raises(LabError, match="write NAME:TAG"):
        install_manifest(image)


def test_the_chart_gets_the_image_of_the_release_and_keeps_its_comments() -> None:
    digest = f"sha256:{'0' * 64}"
    changed = chart_values(VALUES, f"cr.example.com:5000/harbor-operator@{digest}")
    assert yaml.safe_load(changed) == {
        "sidecar": {"repository": "other", "tag": "1"},
        "image": {"repository": "cr.example.com:5000/harbor-operator", "tag": "", "digest": digest, "pull": "Always"},
        "proxy": {"tag": "2"},
    }
    assert re.findall("#.*", changed) == re.findall("#.*", VALUES)


def test_a_chart_without_the_keys_is_refused() -> None:
    with pytest.raises(LabError, match=r"no `image\.tag`"):
        chart_values("image:\n  repository: a\nproxy:\n  tag: b\n", "harbor-operator:1")


def test_the_output_of_make_sbom_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--output={tmp_path}", "write", "--image=harbor-operator:1"]) == 1
    assert "run `make sbom`" in capsys.readouterr().err


def test_without_a_chart_none_is_packaged(tmp_path: Path) -> None:
    assert package_chart(tmp_path / "chart", tmp_path, "harbor-operator:1") is None
    with pytest.raises(LabError, match="has 0 packaged charts"):
        packaged_chart(tmp_path)
