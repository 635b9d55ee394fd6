"""The main job: one resource creates everything."""

from __future__ import annotations

import json

import pytest

from lab.images import make_image
from lab.observer import Observer
from lab.registry_fixture import RegistryFixture

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def settled(full_registry: RegistryFixture) -> None:
    """Waits until the status reflects the namespaces that earlier tests created and removed."""
    full_registry.registry.wait_ready()


def test_every_condition_is_true_and_the_status_is_complete(full_registry: RegistryFixture) -> None:
    status = full_registry.registry.status()
    assert {item["status"] for item in status["conditions"]} == {"True"}
    assert status["chartVersion"] == full_registry.lab.chart.version
    assert status["harborVersion"].startswith("2.15")
    assert status["releaseRevision"] >= 1
    assert status["storageURL"] == f"{full_registry.lab.services.rgw_front.url}/swift/v1"
    assert "SwiftSunset" in [warning["code"] for warning in status["warnings"]]
    assert status["pullSecrets"]["ready"] == status["pullSecrets"]["namespaces"] > 0


def test_kubectl_prints_the_columns_and_explains_fields(full_registry: RegistryFixture) -> None:
    kubectl = full_registry.lab.control_plane.kubectl
    header, row = kubectl("-n", "intra", "get", "hreg", "cr").splitlines()
    assert header.split() == ["NAME", "URL", "VERSION", "READY", "REASON", "NAMESPACES", "AGE"]
    assert "True" in row
    assert "Converged" in row
    explained = kubectl("explain", "hreg.spec.storage.swift.chunkSizeMiB")
    assert "Size of one segment" in explained


def test_a_new_namespace_has_the_secret_and_the_reference(full_registry: RegistryFixture, observer: Observer) -> None:
    observer.create_namespace("fresh")
    observer.wait_injected("fresh")
    config = json.loads(full_registry.registry.secret("harbor-pull", "fresh")[".dockerconfigjson"])
    assert list(config["auths"]) == [full_registry.front.url.removeprefix("https://")]


def test_an_image_pushed_by_the_admin_is_pulled_with_the_pull_secret(
    full_registry: RegistryFixture, observer: Observer
) -> None:
    observer.create_namespace("puller")
    observer.wait_injected("puller")
    directory = full_registry.lab.directory / "e2e-image"
    make_image(directory, size=12 << 20)
    reference = f"{full_registry.front.url.removeprefix('https://')}/team-a/app:1"
    ca_dir = full_registry.lab.authority.ca_dir
    pushed = full_registry.skopeo.copy_in(
        directory, reference, authfile=full_registry.admin_credential(), ca_dir=ca_dir
    )
    target = full_registry.lab.directory / "e2e-pulled"
    pulled = full_registry.skopeo.copy_out(
        reference, target, authfile=full_registry.credential("puller"), ca_dir=ca_dir
    )
    assert pushed == pulled
    names = [stored.name for stored in full_registry.lab.services.ceph.objects(full_registry.container)]
    assert any(name.startswith("segments/") for name in names)
    assert any("repositories/team-a/app" in name for name in names)
