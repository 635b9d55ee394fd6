"""Generates the CustomResourceDefinition from the models; a test checks that `crds/` is up to date."""

from __future__ import annotations

from typing import Any

import yaml
from typing_extensions import override

from harbor_operator import __version__
from harbor_operator.api.kind import CRD_VERSION, GROUP, KIND, PLURAL, VERSION
from harbor_operator.api.rules import RULES
from harbor_operator.api.status import HarborRegistryStatus
from harbor_operator.api.v1alpha1 import HarborRegistrySpec

Schema = dict[str, Any]

_DROPPED = {"title", "additionalProperties", "$defs", "discriminator"}
_COLUMNS = (
    ("URL", "string", ".spec.externalURL", False, "URL that clients use."),
    ("Version", "string", ".status.harborVersion", False, "Harbor version of the deployed release."),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', False, "Whether every condition is True."),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', False, "Reason of the condition Ready."),
    (
        "Namespaces",
        "string",
        ".status.pullSecrets.summary",
        False,
        "Namespaces with the pull Secret, of all selected ones.",
    ),
    ("Age", "date", ".metadata.creationTimestamp", False, "Time since creation."),
    ("Storage", "string", ".status.storageURL", True, "Storage URL that passed the probe."),
    (
        "Message",
        "string",
        '.status.conditions[?(@.type=="Ready")].message',
        True,
        "Message of the condition Ready: cause and remedy.",
    ),
)
"""Name, type, path, whether only `-o wide` shows it, and description."""


class _PlainDumper(yaml.SafeDumper):
    """Writes equal parts in full, without YAML anchors and aliases."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def crd() -> Schema:
    """Returns the whole CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}", "annotations": {CRD_VERSION: __version__}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["hreg"],
                "categories": ["harbor"],
            },
            "versions": [_version()],
        },
    }


def crd_yaml() -> str:
    """Returns the text of the file in `crds/`."""
    head = "# Generated from operator/harbor_operator/api by `make crd`; do not edit.\n"
    return head + yaml.dump(crd(), Dumper=_PlainDumper, sort_keys=False, width=120)


def _version() -> Schema:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "description": text} | ({"priority": 1} if is_wide else {})
            for name, kind, path, is_wide, text in _COLUMNS
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": "A Harbor registry, the servers it depends on, and its pull Secret in every namespace.",
                "required": ["spec"],
                "properties": {
                    "spec": _structural(HarborRegistrySpec),
                    "status": _structural(HarborRegistryStatus) | {"default": {"observedGeneration": -1}},
                },
            }
        },
    }


def _structural(model: type[HarborRegistrySpec | HarborRegistryStatus]) -> Schema:
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    return _flatten({**schema, "title": model.__name__}, definitions)


def _flatten(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Inlines references and removes the keywords that a structural schema does not allow."""
    node = _resolve(node, definitions)
    rules = RULES.get(node.get("title", "")) if node.get("type") == "object" else None
    flat = {key: value for key, value in node.items() if key not in _DROPPED}
    if "properties" in flat:
        flat["properties"] = {name: _flatten(child, definitions) for name, child in flat["properties"].items()}
        if not flat["properties"]:  # The API server drops it; the file would then differ from what is stored.
            del flat["properties"]
    elif isinstance(values := node.get("additionalProperties"), dict):
        flat["additionalProperties"] = _flatten(values, definitions)
    elif flat.get("type") == "object":
        flat["x-kubernetes-preserve-unknown-fields"] = True
    if "items" in flat:
        flat["items"] = _flatten(flat["items"], definitions)
    if rules:
        flat["x-kubernetes-validations"] = [{"rule": rule.expression, "message": rule.message} for rule in rules]
    return flat


def _resolve(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Returns the node with its reference inlined and without the null alternative; the field's own keywords win."""
    if "anyOf" in node:
        (kept,) = [option for option in node["anyOf"] if option.get("type") != "null"]
        own = {key: value for key, value in node.items() if key not in {"anyOf", "default"}}
        return _resolve({**kept, **own} if "$ref" not in kept else {"$ref": kept["$ref"], **own}, definitions)
    if "const" in node:
        own = {key: value for key, value in node.items() if key != "const"}
        return {**own, "enum": [node["const"]]}
    if "$ref" not in node:
        return node
    target = definitions[node["$ref"].rsplit("/", 1)[-1]]
    own = {key: value for key, value in node.items() if key not in {"$ref", "title"}}
    return _resolve({**target, **own}, definitions)
