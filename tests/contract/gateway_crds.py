"""The part of the Gateway API that a route of the chart uses, as CRDs for a real API server.

They accept what the chart renders and what controllers report, in the shape of version v1, and a strict write of any
other field fails. The complete CRDs are a download of their own, which the lab does not make.
"""

from __future__ import annotations

from typing import Any

from lab.controlplane import ControlPlane

GROUP = "gateway.networking.k8s.io"
NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 253}
PORT: dict[str, Any] = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535}
HOSTNAME: dict[str, Any] = {
    "type": "string",
    "maxLength": 253,
    "pattern": r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}


def obj(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def array(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}


TEXT: dict[str, Any] = {"type": "string"}
PARENT = obj("name", group=TEXT, kind=TEXT, namespace=NAME, name=NAME, sectionName=NAME, port=PORT)
BACKEND = obj("name", group=TEXT, kind=TEXT, namespace=NAME, name=NAME, port=PORT, weight={"type": "integer"})
PATH = obj(type={"enum": ["Exact", "PathPrefix", "RegularExpression"], "type": "string"}, value=TEXT)
RULE = obj(matches=array(obj(path=PATH), 64), backendRefs=array(BACKEND, 16))
CONDITION = obj(
    *("lastTransitionTime", "message", "reason", "status", "type"),
    lastTransitionTime={"type": "string", "format": "date-time"},
    message=TEXT,
    observedGeneration={"type": "integer", "format": "int64"},
    reason=NAME,
    status={"enum": ["True", "False", "Unknown"], "type": "string"},
    type=NAME,
)
PARENT_STATUS = obj(
    "parentRef", "controllerName", parentRef=PARENT, controllerName=NAME, conditions=array(CONDITION, 8)
)
LISTENER = obj("name", "port", "protocol", name=NAME, port=PORT, protocol=TEXT, hostname=HOSTNAME)

SCHEMAS: dict[str, dict[str, Any]] = {
    "HTTPRoute": obj(
        spec=obj(parentRefs=array(PARENT, 32), hostnames=array(HOSTNAME, 16), rules=array(RULE, 16)),
        status=obj("parents", parents=array(PARENT_STATUS, 32)),
    ),
    "Gateway": obj(
        spec=obj("gatewayClassName", "listeners", gatewayClassName=NAME, listeners=array(LISTENER, 64)),
        status=obj(conditions=array(CONDITION, 8)),
    ),
}


def crd(kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": SCHEMAS[kind]},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            # The API server demands it of groups that end in k8s.io.
            "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2466"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


def install_gateway_api(plane: ControlPlane) -> None:
    """Installs both kinds and waits until they are served."""
    for kind in SCHEMAS:
        plane.apply(crd(kind))
        plane.kubectl("wait", "--for=condition=Established", f"crd/{crd(kind)['metadata']['name']}", "--timeout=60s")


def remove_gateway_api(plane: ControlPlane) -> None:
    """Removes both kinds with their objects."""
    for kind in SCHEMAS:
        plane.kubectl("delete", "crd", crd(kind)["metadata"]["name"], "--ignore-not-found")
