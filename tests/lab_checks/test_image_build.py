"""The base images of the Dockerfile, and the cached build of the operator's image."""

from __future__ import annotations

import re

import pytest

from lab.image_build.__main__ import main
from lab.image_build.archive import ImageArchive
from lab.image_build.bases import MARKER, Bases
from lab.image_build.operator import DOCKERFILE, LOCK, missing_requirement, operator_image
from lab.in_cluster import REPOSITORY, TAG
from lab.process import LabError

NAME = f"{REPOSITORY}:{TAG}"


def test_the_bases_are_those_of_the_shipped_dockerfile() -> None:
    text = DOCKERFILE.read_text()
    bases = Bases.read(text)
    assert f"/python:{bases.python_version}-slim-{bases.suite}" in bases.python
    expected = {"GO": bases.go, "PYTHON": bases.python, "RUNTIME": bases.runtime}
    assert {f"ARG {name}_IMAGE={image}" for name, image in expected.items()} <= set(text.splitlines())


def test_a_dockerfile_without_bases_is_rejected() -> None:
    with pytest.raises(LabError, match="ARG GO_IMAGE"):
        Bases.read("FROM scratch")


def test_another_architecture_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--platform=linux/s390x", "."]) == 1
    assert "possible: linux/amd64, linux/arm64" in capsys.readouterr().err


def test_every_package_of_the_lock_is_downloaded() -> None:
    lock = LOCK.read_text()
    everything = MARKER.sub("", lock)
    assert " ; " not in everything
    pins = re.compile(r"^\S+==\S+", re.MULTILINE)
    assert pins.findall(everything) == pins.findall(lock) != []


@pytest.mark.lab
@pytest.mark.skipif(bool(missing_requirement()), reason=missing_requirement())
def test_the_archive_contains_the_named_image_and_is_built_once() -> None:
    archive = operator_image(NAME)
    assert ImageArchive(archive).names == [NAME]
    made = archive.stat().st_ino
    assert operator_image(NAME).stat().st_ino == made
