"""Generates the patch of Argo CD's ConfigMap from the Lua files (`make argocd`); a test compares them."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

from harbor_operator.api.kind import GROUP, KIND

ARGOCD = Path(__file__).parents[1] / "deploy" / "argocd"
PATCH = ARGOCD / "argocd-cm.yaml"
SCRIPTS = ARGOCD / GROUP / KIND
"""The layout of `resource_customizations` in the repository of Argo CD."""

HEAD = """\
# Generated from the Lua files beside it by `make argocd`; do not edit.
# kubectl -n argocd patch configmap argocd-cm --type=merge --patch-file=deploy/argocd/argocd-cm.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
data:
"""


def argocd_cm() -> str:
    """Returns the text of the patch; the keys are those of Argo CD, 'resource.customizations.KIND.GROUP_KIND'."""
    resource = f"{GROUP}_{KIND}"
    data = _block(f"resource.customizations.health.{resource}", _script("health.lua"))
    data += _block(f"resource.customizations.actions.{resource}", _actions())
    return HEAD + indent(data, "  ")


def _actions() -> str:
    text = _block("discovery.lua", _script("actions/discovery.lua")) + "definitions:\n"
    for path in sorted((SCRIPTS / "actions").glob("*/action.lua")):
        text += f"  - name: {path.parent.name}\n"
        text += indent(_block("action.lua", _script(f"actions/{path.parent.name}/action.lua")), "    ")
    return text


def _script(name: str) -> str:
    return (SCRIPTS / name).read_text(encoding="utf-8")


def _block(key: str, text: str) -> str:
    return f"{key}: |\n{indent(text, '  ')}"


if __name__ == "__main__":
    PATCH.write_text(argocd_cm(), encoding="utf-8")
