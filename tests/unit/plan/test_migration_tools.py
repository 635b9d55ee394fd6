"""Each tool is recognised by its own marks, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.model.migration import RunningWorkload, SecretMetadata, Tool
from harbor_operator.plan.migration_tools import find_marks, find_running
from tests.fakes.other_injectors import OWNER_UID, left_by, pull_secret

NAME = "regcred-registrycreds"
HOST = "cr.example.com"


def metadata(manifest: dict[str, Any]) -> SecretMetadata:
    given = manifest["metadata"]
    return SecretMetadata(
        given["namespace"],
        given["name"],
        "uid-1",
        "7",
        given.get("labels", {}),
        given.get("annotations", {}),
        tuple(given.get("ownerReferences", [])),
    )


@pytest.mark.parametrize("tool", Tool)
def test_a_tool_recognises_what_it_left(tool: Tool) -> None:
    assert find_marks(tool, metadata(left_by(tool, "app", NAME, HOST))) is not None


@pytest.mark.parametrize("tool", Tool)
@pytest.mark.parametrize("author", Tool)
def test_a_tool_recognises_nothing_of_another_one(tool: Tool, author: Tool) -> None:
    if tool is author or (tool is Tool.TAMCORE and author is Tool.TITANSOFT):
        return  # the successor continues what its predecessor left
    assert find_marks(tool, metadata(left_by(author, "app", NAME, HOST))) is None


@pytest.mark.parametrize("tool", Tool)
def test_a_name_alone_proves_nothing(tool: Tool) -> None:
    assert find_marks(tool, metadata(pull_secret("app", NAME, HOST))) is None


@pytest.mark.parametrize(
    ("tool", "labels", "annotations"),
    [
        (Tool.REFLECTOR, {}, {"reflector.v1.k8s.emberstack.com/reflects": "platform/regcred"}),
        (Tool.REFLECTOR, {}, {"reflector.v1.k8s.emberstack.com/reflection-auto-enabled": "true"}),
        (Tool.KYVERNO, {"generate.kyverno.io/clone-source": ""}, {}),
        (Tool.KYVERNO, {"app.kubernetes.io/managed-by": "kyverno"}, {}),
        (Tool.TAMCORE, {"app.kubernetes.io/managed-by": "imagepullsecret-patcher"}, {}),
        (Tool.CLUSTERSECRET, {}, {"clustersecret.io/version": "0.0.14"}),
    ],
)
def test_the_source_of_a_copy_and_half_a_mark_are_not_recognised(
    tool: Tool, labels: dict[str, str], annotations: dict[str, str]
) -> None:
    found = metadata(pull_secret("platform", "regcred", HOST, labels=labels, annotations=annotations))
    assert find_marks(tool, found) is None


def test_registry_creds_must_be_called_after_its_owner() -> None:
    manifest = left_by(Tool.REGISTRY_CREDS, "app", NAME, HOST)
    marks = find_marks(Tool.REGISTRY_CREDS, metadata(manifest))
    assert marks is not None
    assert marks.owners == (OWNER_UID,)
    manifest["metadata"]["ownerReferences"][0]["name"] = "another"
    assert find_marks(Tool.REGISTRY_CREDS, metadata(manifest)) is None


def test_every_mark_of_a_tool_is_removed_by_name() -> None:
    reflector = find_marks(Tool.REFLECTOR, metadata(left_by(Tool.REFLECTOR, "app", NAME, HOST)))
    assert reflector is not None
    assert [name.rsplit("/", 1)[1] for name in reflector.annotations] == [
        "auto-reflects",
        "reflected-at",
        "reflected-version",
        "reflects",
    ]
    kyverno = find_marks(Tool.KYVERNO, metadata(left_by(Tool.KYVERNO, "app", NAME, HOST)))
    assert kyverno is not None
    assert kyverno.policy == "sync-secrets"
    assert len(kyverno.labels) == 15


@pytest.mark.parametrize(
    ("tool", "image"),
    [
        (Tool.TAMCORE, "ghcr.io/tamcore/imagepullsecret-patcher:v0.4.0"),
        (Tool.TITANSOFT, "quay.io/titansoft/imagepullsecret-patcher@sha256:0123"),
        (Tool.REGISTRY_CREDS, "ghcr.io/alexellis/registry-creds:0.3.2-rc1"),
        (Tool.CLUSTERSECRET, "quay.io/clustersecret/clustersecret:0.0.14"),
        (Tool.REFLECTOR, "registry:5000/emberstack/kubernetes-reflector:10.0.63"),
        (Tool.KYVERNO, "reg.kyverno.io/kyverno/background-controller:v1.15.0"),
    ],
)
def test_a_running_tool_is_found_by_its_image(tool: Tool, image: str) -> None:
    others = RunningWorkload("app", "web", ("docker.io/library/nginx:1", "example.com/reflector/other"))
    assert find_running(tool, [others, RunningWorkload("tools", "it", ("sidecar", image))]) == ("tools/it",)
    assert find_running(tool, [others]) == ()
