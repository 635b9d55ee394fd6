"""A release on the real node: its pods run, core can be brought from outside, and private images are pulled."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.chart import resolve
from lab.lab import Lab
from lab.node.apps import deployment, wait_refused, wait_running, write_app
from lab.node.images import harbor_images
from lab.node.kubelet import KubeletNode
from lab.node.programs import obstacle
from lab.node.release import checked
from lab.observer import Observer
from lab.operator import Operator
from lab.process import LabError
from lab.stage import Stage, install
from tests.lab_checks.node_world import make_object, make_pod

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(obstacle()), reason=f"no real node here: {obstacle()}")]

OPEN, CLOSED = "shop", "kube-closed"


@pytest.fixture(scope="module")
def lab(node_lab: Lab) -> Lab:
    return node_lab


@pytest.fixture(scope="module")
def stage(lab: Lab, node: KubeletNode) -> Iterator[Stage]:
    """The full registry of deploy/examples, its pods on the node."""
    install(lab)
    stage = Stage.set_up(lab)
    operator = Operator.start(lab.control_plane, lab.processes)
    stage.registry.apply(stage.spec)
    try:
        stage.registry.wait_ready()
    except Exception as error:
        error.add_note(node.describe("intra"))
        raise
    yield stage
    operator.stop()


@pytest.fixture(scope="module")
def image(lab: Lab, stage: Stage) -> str:
    """A private image that nobody has, pushed a moment ago."""
    layout = write_app(lab.directory / "app")
    reference = f"{stage.front.url.removeprefix('https://')}/team-a/app:1"
    stage.skopeo.copy_in(layout, reference, authfile=stage.admin_credential(), ca_dir=lab.authority.ca_dir)
    return reference


def test_the_pods_of_the_release_run(lab: Lab, stage: Stage) -> None:
    template = "-ojsonpath={range .items[*].status.containerStatuses[*]}{.name}={.ready}/{.restartCount} {end}"
    seen = lab.control_plane.kubectl("-n", "intra", "get", "pods", template).split()
    parts = ("core", "jobservice", "portal", "registry", "registryctl")
    assert sorted(seen) == [f"{part}=true/0" for part in parts]


def test_core_comes_from_the_archive_that_was_supplied(lab: Lab, stage: Stage, core_image: Path) -> None:
    plane, field = lab.control_plane, "-ojsonpath={.items[*].status.containerStatuses[*]['image', 'imageID']}"
    name, identity = plane.kubectl("-n", "intra", "get", "pods", "-l", "component=core", field).split()
    assert name.startswith("docker.io/goharbor/harbor-core:")
    with tarfile.open(core_image) as archive:
        assert identity.rpartition("sha256:")[2] == archive.getnames()[0].removesuffix(".json")


def test_what_is_supplied_must_be_an_archive_of_one_image(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"`HARBOR_CORE_IMAGE` names '.*nothing\.tar', which is no file"):
        checked(tmp_path / "nothing.tar")
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(LabError, match="is no archive of an image"):
        checked(tmp_path / "text.tar")
    with pytest.raises(LabError, match=r"holds \d+ images; it must be an archive of one"):
        checked(harbor_images(resolve()))


def test_an_oci_archive_can_be_supplied_as_well(lab: Lab, node: KubeletNode, tmp_path: Path) -> None:
    layout = write_app(tmp_path / "app")
    with tarfile.open(tmp_path / "oci.tar", "w") as archive:
        archive.add(layout, ".")
    node.import_as(checked(tmp_path / "oci.tar"), "localhost/oci:1")
    lab.control_plane.apply(make_pod("oci", [], image="localhost/oci:1", namespace="kube-node-lease"))
    wait_running(lab.control_plane, node, "kube-node-lease")


def test_a_new_namespace_runs_a_private_image_without_mentioning_a_secret(
    lab: Lab, node: KubeletNode, image: str
) -> None:
    observer = Observer(lab.control_plane)
    observer.create_namespace(OPEN)
    observer.wait_holds(OPEN)
    observer.close()
    lab.control_plane.apply(deployment(OPEN, image))
    wait_running(lab.control_plane, node, OPEN)


def test_an_excluded_namespace_may_not_even_use_what_the_node_has(lab: Lab, node: KubeletNode, image: str) -> None:
    lab.control_plane.apply(make_object("v1", "Namespace", CLOSED, namespace=None))
    lab.control_plane.apply(deployment(CLOSED, image))
    wait_refused(lab.control_plane, node, CLOSED)
