"""The fenced blocks of the documentation are valid: languages, YAML, and every HarborRegistry with its chart values."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.release import UserValues
from harbor_operator.plan.release import plan_release
from tests.doc_blocks import PAGES, blocks, page_blocks, registries
from tests.fakes.release import release_secrets
from tests.guards.sources import name

LANGUAGES = {"console", "mermaid", "nginx", "text", "toml", "yaml"}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_the_blocks_of_a_page_are_valid(path: Path) -> None:
    assert {block.language for block in page_blocks(path)} <= LANGUAGES
    for block in page_blocks(path):
        assert block.language != "yaml" or block.documents, f"{name(path)}:{block.line}"
        assert block.language != "toml" or tomllib.loads(block.text), f"{name(path)}:{block.line}"
        for manifest in registries(block):
            assert refused(manifest) == "", f"{name(path)}:{block.line}"


def refused(manifest: dict[str, object]) -> str:
    """Returns why the operator would refuse a HarborRegistry or its chart values, or an empty string."""
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    registry = HarborRegistry.parse({**manifest, "metadata": {**metadata, "uid": "1"}})
    release = registry.spec.release
    if release is None:
        return ""
    planned = plan_release(
        registry, release, release_secrets(UserValues("`spec.release.values`", dict(release.values)))
    )
    return getattr(planned, "message", "")


def test_blocks_have_a_language_a_line_and_no_indentation() -> None:
    page = (
        "# Title\n\n```yaml\n# a.yaml\nkind: A\n```\n\n1. item\n\n    ```console\n    kubectl get\n      ns\n    ```\n"
    )
    manifest, command = blocks(page)
    assert (manifest.language, manifest.file_name, manifest.line, manifest.documents) == (
        "yaml",
        "a.yaml",
        3,
        [{"kind": "A"}],
    )
    assert (command.language, command.file_name, command.text) == ("console", "", "kubectl get\n  ns\n")


def test_a_part_of_a_spec_is_a_registry() -> None:
    (block,) = blocks(
        "```yaml\nspec:\n"
        "  externalURL: https://cr.example.com\n  release: {version: 1.19.1, values: {cor: {a: 1}}}\n```\n"
    )
    (manifest,) = registries(block)
    assert manifest["metadata"]["name"] == "line-1"
    assert "`cor`" in refused(manifest)
