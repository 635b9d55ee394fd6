"""A release on the real node: its pods run, core can be supplied as an archive, and private images are pulled."""

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
from lab.node.programs import missing_requirement
from lab.node.release import checked
from lab.observer import Observer
from lab.operator import Operator
from lab.process import LabError
from lab.registry_fixture import RegistryFixture, install
from tests.lab_checks.node_objects import make_object, make_pod

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing_requirement()), reason=f"no real node here: {missing_requirement()}"),
]

OPEN, CLOSED = "shop", "kube-closed"


@pytest.fixture(scope="module")
def lab(node_lab: Lab) -> Lab:
    return node_lab


@pytest.fixture(scope="module")
def full_registry(lab: Lab, node: KubeletNode) -> Iterator[RegistryFixture]:
    """The full registry of deploy/examples, with its pods on the node."""
    install(lab)
    fixture = RegistryFixture.set_up(lab)
    operator = Operator.start(lab.control_plane, lab.processes)
    fixture.registry.apply(fixture.spec)
    try:
        fixture.registry.wait_ready()
    except Exception as error:
        error.add_note(node.describe("intra"))
        raise
    yield fixture
    operator.stop()


@pytest.fixture(scope="module")
def image(lab: Lab, full_registry: RegistryFixture) -> str:
    """A new private image that was just pushed."""
    layout = write_app(lab.directory / "app")
    reference = f"{full_registry.front.url.removeprefix('https://')}/team-a/app:1"
    full_registry.skopeo.copy_in(
        layout, reference, authfile=full_registry.admin_credential(), ca_dir=lab.authority.ca_dir
    )
    return reference


def test_the_pods_of_the_release_run(lab: Lab, full_registry: RegistryFixture) -> None:
    template = "-ojsonpath={range .items[*].status.containerStatuses[*]}{.name}={.ready}/{.restartCount} {end}"
    seen = lab.control_plane.kubectl("-n", "intra", "get", "pods", template).split()
    parts = ("core", "jobservice", "portal", "registry", "registryctl")
    assert sorted(seen) == [f"{part}=true/0" for part in parts]


def test_core_comes_from_the_archive_that_was_supplied(
    lab: Lab, full_registry: RegistryFixture, core_image: Path
) -> None:
    plane, field = lab.control_plane, "-ojsonpath={.items[*].status.containerStatuses[*]['image', 'imageID']}"
    name, identity = plane.kubectl("-n", "intra", "get", "pods", "-l", "component=core", field).split()
    assert name.startswith("docker.io/goharbor/harbor-core:")
    with tarfile.open(core_image) as archive:
        assert identity.rpartition("sha256:")[2] == archive.getnames()[0].removesuffix(".json")


def test_the_supplied_file_must_be_an_archive_of_one_image(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"`HARBOR_CORE_IMAGE` names '.*nothing\.tar', which is not a file"):
        checked(tmp_path / "nothing.tar")
    (tmp_path / "text.tar").write_text("not an archive")
    with pytest.raises(LabError, match="is not an image archive"):
        checked(tmp_path / "text.tar")
    with pytest.raises(LabError, match=r"holds \d+ images; it must contain exactly one"):
        checked(harbor_images(resolve()))


def test_an_oci_archive_can_be_supplied_as_well(lab: Lab, node: KubeletNode, tmp_path: Path) -> None:
    layout = write_app(tmp_path / "app")
    with tarfile.open(tmp_path / "oci.tar", "w") as archive:
        archive.add(layout, ".")
    node.import_as(checked(tmp_path / "oci.tar"), "localhost/oci:1")
    lab.control_plane.apply(make_pod("oci", [], image="localhost/oci:1", namespace="kube-node-lease"))
    wait_running(lab.control_plane, node, "kube-node-lease")


def test_a_new_namespace_runs_a_private_image_without_a_secret_in_the_pod_template(
    lab: Lab, node: KubeletNode, image: str
) -> None:
    observer = Observer(lab.control_plane)
    observer.create_namespace(OPEN)
    observer.wait_injected(OPEN)
    observer.close()
    lab.control_plane.apply(deployment(OPEN, image))
    wait_running(lab.control_plane, node, OPEN)


def test_an_excluded_namespace_cannot_use_an_image_that_the_node_has(lab: Lab, node: KubeletNode, image: str) -> None:
    lab.control_plane.apply(make_object("v1", "Namespace", CLOSED, namespace=None))
    lab.control_plane.apply(deployment(CLOSED, image))
    wait_refused(lab.control_plane, node, CLOSED)
