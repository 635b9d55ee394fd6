"""Generates the parts of deploy/chart that come from other files (`make chart`); a guard checks them.

values.schema.json and the table in README.md come from values.yaml; the constraints of `config` come from the settings
of the operator; files/ contains copies of the CRD, the alerts and the dashboard, because Helm reads only files of the
chart itself.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

from harbor_operator.node_trust.configuration import HOST_PATTERN, PROJECT_PATTERN
from harbor_operator.settings import Settings
from tools.chart_values import Entry, read_entries

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "chart"
COPIES = {
    "files/harborregistries.yaml": ROOT / "crds" / "harborregistries.yaml",
    "files/prometheusrule.yaml": ROOT / "deploy" / "monitoring" / "prometheusrule.yaml",
    "files/dashboard.json": ROOT / "deploy" / "monitoring" / "dashboard.json",
}
TABLE = re.compile(r"(?<=<!-- values -->\n).*?(?=<!-- end of values -->)", re.DOTALL)
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
CONSTRAINTS = ("enum", "maxLength", "maximum", "minimum", "pattern")
NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", "maxLength": 253}
NAMESPACE = {"pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 63}
HOST = {"type": "string", "pattern": f"^{HOST_PATTERN}$"}
BOOLEAN, STRING, OBJECT = {"type": "boolean"}, {"type": "string"}, {"type": "object"}
STRINGS = {"type": "object", "additionalProperties": STRING}
POSITIVE = {"type": "integer", "minimum": 1}


def _object(properties: dict[str, Any], *required: str, kind: Any = "object") -> dict[str, Any]:
    return {"type": kind, "additionalProperties": False, "properties": properties, "required": list(required)}


DEFINITIONS: dict[str, Any] = {
    "strings": STRINGS,
    "names": {"type": "array", "uniqueItems": True, "items": NAME},
    "duration": {"type": "string", "pattern": "^[0-9]+(ms|s|m)$"},
    "reference": _object({"name": NAME}, "name"),
    "variable": _object({"name": STRING, "value": STRING, "valueFrom": OBJECT}, "name"),
    "probe": _object(
        {
            "initialDelaySeconds": {"type": "integer", "minimum": 0},
            "periodSeconds": POSITIVE,
            "timeoutSeconds": POSITIVE,
            "failureThreshold": POSITIVE,
        }
    ),
    "authorities": {
        "type": "object",
        "propertyNames": HOST,
        "additionalProperties": {"type": "string", "pattern": "-----BEGIN CERTIFICATE-----"},
    },
    "mirrors": {
        "type": "object",
        "propertyNames": HOST,
        "additionalProperties": _object(
            {
                "registry": HOST,
                "project": {"type": "string", "pattern": f"^{PROJECT_PATTERN}$"},
                "upstream": {"type": "string", "pattern": f"^https://{HOST_PATTERN}$"},
            },
            "registry",
            "project",
        ),
    },
    "registryNamespaces": {
        "type": "object",
        "propertyNames": NAMESPACE,
        "additionalProperties": _object(
            {
                "create": BOOLEAN,
                "labels": STRINGS,
                "annotations": STRINGS,
                "injectPullSecrets": BOOLEAN,
                "serviceAccountName": NAME,
                "serviceMonitor": BOOLEAN,
                "gatewayAPI": BOOLEAN,
                "certManager": BOOLEAN,
            },
            kind=["object", "null"],
        ),
    },
}
OF_A_DEPENDENCY = {
    "global": {"type": "object", "description": "Values that Helm shares between charts; this chart reads none."},
    "enabled": {
        "type": "boolean",
        "description": "For the `condition` of a parent chart; this chart does not read it.",
    },
}
"""Values that a parent chart can pass to its dependency."""


def generated() -> dict[Path, str]:
    """Returns the path and the text of every generated file of the chart."""
    entries = read_entries((CHART / "values.yaml").read_text(encoding="utf-8"))
    readme = CHART / "README.md"
    table = reference(entries)
    return {
        **{CHART / name: source.read_text(encoding="utf-8") for name, source in COPIES.items()},
        CHART / "values.schema.json": json.dumps(schema(entries), indent=2) + "\n",
        readme: TABLE.sub(lambda _: table, readme.read_text(encoding="utf-8")),
    }


def schema(entries: list[Entry]) -> dict[str, Any]:
    """Returns the JSON Schema of the values; it allows no other key."""
    root = _object({})
    root["properties"].update(OF_A_DEPENDENCY)
    for entry in entries:
        parent = root
        for name in entry.path[:-1]:
            parent = parent["properties"].setdefault(name, _object({}))
        parent["properties"][entry.path[-1]] = _value(entry)
    return {"$schema": "http://json-schema.org/draft-07/schema#", "$defs": DEFINITIONS, **root}


def reference(entries: list[Entry]) -> str:
    """Returns a table of the values for each section, in Markdown."""
    lines = []
    for section, members in groupby(entries, key=lambda entry: entry.section):
        lines += [f"\n### {section}\n", "| Value | Default | Meaning |", "|---|---|---|"]
        for entry in members:
            lines.append(f"| `{entry.name}` | `{json.dumps(entry.default)}` | {entry.description} |")
    return "\n".join([*lines, "", ""])


def _value(entry: Entry) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": TYPES[type(entry.default)]}
    if "$ref" in entry.keywords:
        # Beside a `$ref`, draft 7 ignores other keywords.
        other = {key: value for key, value in entry.keywords.items() if key != "$ref"}
        kind = {"allOf": [{"$ref": entry.keywords["$ref"]}], **other}
    elif entry.path[0] == "config":
        kind |= _constraints(entry) | entry.keywords
    else:
        kind |= entry.keywords
    if kind.get("type") == "array" and "items" not in kind:
        kind["items"] = {"type": "string", "minLength": 1}
    return {"description": entry.description, **kind, "default": entry.default}


def _constraints(entry: Entry) -> dict[str, Any]:
    """Returns what the operator itself requires of a setting; an empty string leaves the operator's default."""
    found = _setting_schema(entry)
    constraints = {key: found[key] for key in CONSTRAINTS if key in found}
    if not isinstance(entry.default, list) and found.get("type") in {"integer", "number"}:
        constraints["type"] = found["type"]
        if entry.default == "":
            constraints |= {"type": [found["type"], "string"], "pattern": "^$"}
    return constraints


def _setting_schema(entry: Entry) -> dict[str, Any]:
    whole = Settings.model_json_schema()
    found: dict[str, Any] = whole["properties"][setting_name(entry)]
    target = found.get("$ref", "").rsplit("/", 1)[-1]
    return whole["$defs"][target] if target else found


def setting_name(entry: Entry) -> str:
    """Returns the field of the settings that a value of `config` sets."""
    return re.sub("(?=[A-Z])", "_", entry.path[-1]).lower()


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
