"""`kubectl harbor install generate` prints what the chart renders, and a real API server accepts it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from lab.lab import Lab, Part
from lab.operator_chart import render
from lab.process import LabError
from tests.contract.kubectl_harbor import execute
from tests.contract.rendered_chart import Manifest

pytestmark = pytest.mark.lab

DIGEST = f"sha256:{'0' * 64}"
NAMESPACES = {"intra": {"create": True}, "a-b": {"create": True}}
EXTENDED = {"serviceMonitor": True, "gatewayAPI": True, "certManager": True}
MONITORED = {name: {**options, **EXTENDED} for name, options in NAMESPACES.items()}


def generated(*arguments: str) -> str:
    done = execute(["install", "generate", *arguments])
    assert (done.code, done.err) == (0, "")
    return done.out


def by_key(manifests: list[Manifest]) -> dict[tuple[str, str, str], Manifest]:
    found = {}
    for manifest in manifests:
        metadata = manifest["metadata"]
        found[manifest["kind"], metadata.get("namespace", ""), metadata["name"]] = manifest
    assert len(found) == len(manifests)
    return found


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (["--registry-namespaces", "intra"], {"registryNamespaces": {"intra": {"create": True}}}),
        (
            [
                "--registry-namespaces",
                "intra, a-b",
                "--image",
                f"cr.example.com:5000/a/b@{DIGEST}",
                "--evict-stuck-pods",
            ],
            {
                "registryNamespaces": NAMESPACES,
                "image": {"repository": "cr.example.com:5000/a/b", "digest": DIGEST},
                "evictStuckPods": {"enabled": True},
            },
        ),
        (
            [
                *("--registry-namespaces", "intra,a-b", "--image", "a/b:2", "--service-monitors", "--gateway-api"),
                *("--cert-manager", "--admission-policies", "intra/cr,a-b/other"),
            ],
            {
                "registryNamespaces": MONITORED,
                "image": {"repository": "a/b", "tag": "2"},
                "admissionPolicy": {"enabled": True, "registries": ["intra/cr", "a-b/other"]},
            },
        ),
    ],
    ids=["default", "digest", "roles"],
)
def test_it_is_what_the_chart_renders(arguments: list[str], values: dict[str, Any]) -> None:
    found = by_key(list(yaml.safe_load_all(generated(*arguments))))
    namespace = found.pop(("Namespace", "", "harbor-operator"))
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert found == by_key(render(values))


def test_an_api_server_accepts_it_twice() -> None:
    text = generated("-n", "platform", "--registry-namespaces", "intra", "--admission-policies", "intra/cr")
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        path = lab.directory / "install.yaml"
        path.write_text(text)
        for _ in range(2):
            lab.control_plane.kubectl("apply", "--server-side", "-f", str(path))
        kubectl = lab.control_plane.kubectl
        assert kubectl("get", "-f", str(path), "-o", "name").count("\n") == len(list(yaml.safe_load_all(text)))
        account = "system:serviceaccount:platform:harbor-operator"
        assert kubectl("auth", "can-i", "get", "secrets", "-n", "intra", "--as", account).strip() == "yes"
        with pytest.raises(LabError, match="status 1"):
            kubectl("auth", "can-i", "get", "secrets", "-n", "default", "--as", account)
