"""Generates the reference pages from the code (`make docs`); a test checks that they are up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harbor_operator.api.crd import crd
from harbor_operator.checks import catalogue
from harbor_operator.metrics.catalogue import FAMILIES
from harbor_operator.settings import PREFIX, Settings
from tools import kubectl_page
from tools.versions_page import versions_page

DOCS = Path(__file__).parents[1] / "docs"


def pages() -> dict[Path, str]:
    """Returns the path and the text of every generated page."""
    return {
        DOCS / "problems.md": catalogue.page(),
        DOCS / "resource.md": resource_page(),
        DOCS / "settings.md": settings_page(),
        DOCS / "metrics.md": metrics_page(),
        DOCS / "kubectl-harbor.md": kubectl_page.page(),
        DOCS / "versions.md": versions_page(),
    }


def resource_page() -> str:
    """Returns the field reference of the custom resource."""
    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    lines = [
        "# HarborRegistry, field by field",
        "",
        "`kubectl explain hreg.spec --recursive` shows the same descriptions.",
        "",
        "Generated from `operator/harbor_operator/api` by `make docs`; do not edit.",
        "",
    ]
    for section in ("spec", "status"):
        lines += [f"## {section}", "", "| Field | Type | Default | Meaning |", "|---|---|---|---|"]
        lines += [_row(path, field) for path, field in _walk(section, schema["properties"][section])]
        lines += [""]
    return "\n".join(lines)


def settings_page() -> str:
    """Returns the reference of the operator's environment variables."""
    lines = [
        "# Settings of the operator",
        "",
        "Environment variables of `harbor-operator run`. An invalid or unknown one ends the process with an error that",
        "names it.",
        "",
        "Generated from `operator/harbor_operator/settings.py` by `make docs`; do not edit.",
        "",
        "| Variable | Default | Meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join([*lines, ""])


def metrics_page() -> str:
    """Returns the reference of the metrics."""
    lines = [
        "# Metrics",
        "",
        "Each replica serves these metrics at `/metrics` on port 8080. Only the leader reports registries and",
        "namespaces. The standard `process_*` metrics of the Prometheus client are included: resident memory, CPU",
        "time, open files.",
        "",
        "Generated from `operator/harbor_operator/metrics/catalogue.py` by `make docs`; do not edit.",
        "",
        "| Metric | Type | Labels | Meaning |",
        "|---|---|---|---|",
    ]
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(f"| `{family.name}` | {family.kind} | {labels} | {family.text} |")
    return "\n".join([*lines, ""])


def _walk(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    required = set(schema.get("required", []))
    for name, field in schema.get("properties", {}).items():
        below = f"{path}.{name}"
        yield below, {**field, "required": name in required}
        if field["type"] == "array":
            yield from _walk(f"{below}[]", field["items"])
        else:
            yield from _walk(below, field)


def _row(path: str, field: dict[str, Any]) -> str:
    kind = " \\| ".join(f"`{value}`" for value in field["enum"]) if "enum" in field else field["type"]
    default = "required" if field["required"] else f"`{field['default']}`" if field.get("default") else ""
    return f"| `{path}` | {kind} | {default} | {field.get('description', '')} |"


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
