"""The main job: one resource, and everything is there."""

from __future__ import annotations

import json

import pytest

from lab.images import make_image
from lab.observer import Observer
from lab.stage import Stage

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def settled(stage: Stage) -> None:
    """What earlier tests made and removed is noticed and told."""
    stage.registry.wait_ready()


def test_every_condition_is_true_with_its_facts(stage: Stage) -> None:
    status = stage.registry.status()
    assert {item["status"] for item in status["conditions"]} == {"True"}
    assert status["chartVersion"] == stage.lab.chart.version
    assert status["harborVersion"].startswith("2.15")
    assert status["releaseRevision"] >= 1
    assert status["storageURL"] == f"{stage.lab.services.rgw_front.url}/swift/v1"
    assert "SwiftSunset" in [warning["code"] for warning in status["warnings"]]
    assert status["pullSecrets"]["ready"] == status["pullSecrets"]["namespaces"] > 0


def test_kubectl_shows_what_a_person_wants_to_know(stage: Stage) -> None:
    kubectl = stage.lab.control_plane.kubectl
    header, row = kubectl("-n", "intra", "get", "hreg", "cr").splitlines()
    assert header.split() == ["NAME", "URL", "VERSION", "READY", "REASON", "NAMESPACES", "AGE"]
    assert "True" in row
    assert "Converged" in row
    explained = kubectl("explain", "hreg.spec.storage.swift.chunkSizeMiB")
    assert "Segment size" in explained


def test_a_new_namespace_holds_the_secret_and_the_reference(stage: Stage, observer: Observer) -> None:
    observer.create_namespace("fresh")
    observer.wait_holds("fresh")
    config = json.loads(stage.registry.secret("harbor-pull", "fresh")[".dockerconfigjson"])
    assert list(config["auths"]) == [stage.front.url.removeprefix("https://")]


def test_an_image_goes_in_as_admin_and_comes_out_with_the_pull_secret(stage: Stage, observer: Observer) -> None:
    observer.create_namespace("puller")
    observer.wait_holds("puller")
    directory = stage.lab.directory / "e2e-image"
    make_image(directory, size=12 << 20)
    reference = f"{stage.front.url.removeprefix('https://')}/team-a/app:1"
    ca_dir = stage.lab.authority.ca_dir
    pushed = stage.skopeo.copy_in(directory, reference, authfile=stage.admin_credential(), ca_dir=ca_dir)
    target = stage.lab.directory / "e2e-pulled"
    pulled = stage.skopeo.copy_out(reference, target, authfile=stage.credential("puller"), ca_dir=ca_dir)
    assert pushed == pulled
    names = [stored.name for stored in stage.lab.services.ceph.objects(stage.container)]
    assert any(name.startswith("segments/") for name in names)
    assert any("repositories/team-a/app" in name for name in names)
