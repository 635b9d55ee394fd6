"""The local processes of a Helm release follow its Deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.images import make_image
from lab.lab import Lab, Part
from lab.process import LabError, wait_until
from lab.skopeo import Skopeo
from tests.contract.harbor.release import CONTAINER, Release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

PARTS = frozenset({Part.CONTROL_PLANE, Part.NODE, Part.POSTGRES, Part.REDIS, Part.CEPH, Part.CHART})


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    try:
        started = Lab.start(PARTS, kubelet=False)
    except LabError as error:
        pytest.skip(f"the lab cannot run here: {error}")
    with started:
        yield started


@pytest.fixture(scope="module")
def release(lab: Lab) -> Release:
    made = Release(lab)
    made.install()
    return made


def pids(release: Release) -> dict[str, int]:
    return {name: one["pid"] for name, one in release.workloads.status().items()}


def starts(release: Release) -> dict[str, int]:
    return {name: one["starts"] for name, one in release.workloads.status().items()}


def state(release: Release, name: str) -> str:
    return str(release.workloads.status()[name]["state"])


def test_an_image_is_pushed_to_swift_and_pulled(lab: Lab, release: Release, tmp_path: Path) -> None:
    skopeo = Skopeo(tmp_path / "skopeo")
    make_image(tmp_path / "image", size=6 << 20)
    authfile = release.authfile(tmp_path, ("admin", release.admin_password))
    reference, ca_dir = f"{release.host}/library/app:1", lab.authority.ca_dir
    pushed = skopeo.copy_in(tmp_path / "image", reference, authfile=authfile, ca_dir=ca_dir)
    assert skopeo.copy_out(reference, tmp_path / "pulled", authfile=authfile, ca_dir=ca_dir) == pushed
    assert lab.services.ceph.objects(CONTAINER)
    with lab.services.redis.client(2) as cache:
        assert cache.dbsize()


def test_a_process_restarts_only_after_a_change(release: Release) -> None:
    before = starts(release)
    release.helm("upgrade", "--wait=watcher")
    release.helm("upgrade", "--set", "registry.upload_purging.age=24h")
    after = {**before, "registry": before["registry"] + 1, "registryctl": before["registryctl"] + 1}
    wait_until(lambda: starts(release) == after, "registry and controller restart, and core does not", deadline=20)
    release.helm("upgrade")
    release.workloads.wait_running()


def test_a_wrong_key_is_a_crash_loop_that_recovers(release: Release) -> None:
    release.set_swift_key("Wrong-key-1")
    wait_until(lambda: state(release, "registry") == "CrashLoopBackOff", "the registry is in a crash loop", deadline=20)
    assert "Authorization Failed" in release.workloads.status()["registry"]["lastExit"]["cause"]
    assert state(release, "core") == "Running"
    release.set_swift_key(release.swift_key)
    release.workloads.wait_running()


def test_without_a_release_no_process_runs(release: Release) -> None:
    release.uninstall()
    wait_until(lambda: set(pids(release).values()) == {0}, "both are stopped", deadline=20)
    assert release.workloads.status()["core"]["waitingFor"] == "no Deployment"
    release.helm("install")
    release.workloads.wait_running()
