"""What is kept of a pod: the images of its containers and volumes, and only a limited length."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from harbor_operator.adapters.kube_objects import Pod
from harbor_operator.adapters.pod_eviction import read_pod
from harbor_operator.model.pods import MAX_POD_CHARACTERS

OURS, THEIRS = "cr.example.com/team/model:1", "docker.io/library/app:1"


def pod(message: str = "", **spec: Any) -> Pod:
    container = {"name": "app", "image": THEIRS, "volumeMounts": [{"name": "model", "mountPath": "/model"}]}
    waiting = {"reason": "ImagePullBackOff", "message": message}
    manifest = {
        "metadata": {"name": "app-1", "namespace": "shop", "uid": "pod", "resourceVersion": "7"},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "model", "image": {"reference": OURS}}, {"name": "tmp", "emptyDir": {}}],
            **spec,
        },
        "status": {"containerStatuses": [{"name": "app", "state": {"waiting": waiting}}]},
    }
    return msgspec.convert(manifest, Pod)


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        (f'Back-off pulling image "{OURS}"', (OURS,)),
        (f'Back-off pulling image "{THEIRS}"', (THEIRS,)),
        ("", (OURS, THEIRS)),
    ],
)
def test_the_image_of_a_volume_is_seen(message: str, refused: tuple[str, ...]) -> None:
    """Finding F20."""
    observed = read_pod(pod(message))
    assert observed.images == (THEIRS, OURS)
    assert observed.refused == refused


def test_a_volume_that_a_container_does_not_mount_is_not_its_failure() -> None:
    """Finding F20."""
    volumes = [{"name": "other", "image": {"reference": OURS}}]
    assert read_pod(pod(volumes=volumes)).refused == (THEIRS,)


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [{"name": "app", "image": "cr.example.com/" + "x" * MAX_POD_CHARACTERS}]},
        {"imagePullSecrets": [{"name": f"secret-{number}" * 20} for number in range(100)]},
    ],
)
def test_an_oversized_pod_is_kept_without_its_images(spec: dict[str, Any]) -> None:
    """Finding S3: each user who creates pods decides how long their fields are."""
    observed = read_pod(pod(**spec))
    assert (observed.images, observed.references, observed.refused) == ((), (), ())
    assert observed.name == "app-1"
