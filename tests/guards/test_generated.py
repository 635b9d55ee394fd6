"""Generated files are equal to what the code generates now."""

from __future__ import annotations

import pytest

from harbor_operator.api.crd import crd_yaml
from tests.guards.sources import ROOT
from tools.argocd import PATCH, argocd_cm
from tools.generate_docs import pages


def test_the_crd_is_up_to_date() -> None:
    assert (ROOT / "crds" / "harborregistries.yaml").read_text(encoding="utf-8") == crd_yaml(), "run `make crd`"


def test_the_patch_of_argo_cd_contains_the_lua_files() -> None:
    assert PATCH.read_text(encoding="utf-8") == argocd_cm(), "run `make argocd`"


@pytest.mark.parametrize(("path", "text"), pages().items(), ids=[page.name for page in pages()])
def test_a_generated_page_is_up_to_date(path: object, text: str) -> None:
    assert (ROOT / str(path)).read_text(encoding="utf-8") == text, "run `make docs`"
