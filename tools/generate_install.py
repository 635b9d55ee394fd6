"""Generates the template of `kubectl harbor install generate` from the chart (`make chart`); a guard checks it.

Helm renders the chart with placeholders and every optional role. The CRD is left out, because the package generates it.
"""

from __future__ import annotations

import re
from pathlib import Path

from harbor_operator.kubectl import install
from lab.operator_chart import CHART, run_helm

ROOT = Path(__file__).parents[1]
VALUES = {
    "image": {"repository": install.IMAGE, "tag": "tag"},
    "registryNamespaces": {
        install.REGISTRY_NAMESPACE: {"create": True, "serviceMonitor": True, "gatewayAPI": True, "certManager": True}
    },
    "admissionPolicy": {"enabled": True, "registries": ["registry/policy"]},
    "evictStuckPods": {"enabled": True},
}
_SPEC_OF_THE_CRD = re.compile(r"(?<=kind: CustomResourceDefinition\n).*?(?=^---$)", re.DOTALL | re.MULTILINE)


def generated() -> dict[Path, str]:
    """Returns the path and the text of the template. Raises LabError."""
    rendered = run_helm(
        "template", "harbor-operator", str(CHART), "--namespace", install.NAMESPACE, "--values", "-", values=VALUES
    )
    rendered = _SPEC_OF_THE_CRD.sub(lambda found: found[0].partition("\nspec:\n")[0] + "\n", rendered)
    rendered = rendered.replace(f"{install.IMAGE}:tag", install.IMAGE)
    namespace = (ROOT / "deploy" / "base" / "namespace.yaml").read_text(encoding="utf-8")
    return {install.TEMPLATE: f"---\n{namespace.replace('harbor-operator', install.NAMESPACE, 1)}{rendered}"}


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
