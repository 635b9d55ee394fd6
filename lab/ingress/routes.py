"""Computes hosts, routes and certificates from the Ingress objects, Services and Secrets of a namespace."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

CLASS = "nginx"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
PREFIX = "nginx.ingress.kubernetes.io/"
ANNOTATIONS = {
    "proxy-body-size": "1m",
    "upstream-vhost": "$http_host",
    "proxy-request-buffering": "on",
    "backend-protocol": "HTTP",
}
"""The supported annotations of ingress-nginx, with their defaults."""


@dataclass(frozen=True)
class NamespaceObjects:
    """The objects of one namespace, by name."""

    ingresses: Mapping[str, Object] = field(default_factory=dict)
    services: Mapping[str, Object] = field(default_factory=dict)
    secrets: Mapping[str, Object] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """A path of a host; an empty upstream means that the Service does not exist."""

    path: str
    exact: bool
    upstream: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key as PEM, and the name of their Secret."""

    name: str
    cert: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Host:
    """A host with its routes and its certificate, if there is one; the empty name matches all other hosts."""

    name: str
    routes: tuple[Route, ...]
    certificate: Certificate | None


def plan_hosts(objects: NamespaceObjects) -> list[Host]:
    """Returns all hosts, each once; of two Ingresses with the same path of a host the older wins."""
    ours = sorted(
        filter(_has_our_class, objects.ingresses.values()), key=lambda one: one["metadata"].get("creationTimestamp", "")
    )
    routes: dict[str, dict[tuple[str, bool], Route]] = {}
    for ingress in ours:
        for name, route in _routes(ingress, objects.services):
            routes.setdefault(name, {}).setdefault((route.path, route.exact), route)
    certificates = dict(_certificates(reversed(ours), objects.secrets))
    return [Host(name, tuple(found.values()), certificates.get(name)) for name, found in sorted(routes.items())]


def _has_our_class(ingress: Object) -> bool:
    named = ingress["metadata"].get("annotations", {}).get(CLASS_ANNOTATION)
    return bool(ingress["spec"].get("ingressClassName", named) == CLASS)


def _routes(ingress: Object, services: Mapping[str, Object]) -> Iterator[tuple[str, Route]]:
    annotations = ingress["metadata"].get("annotations", {})
    settings = {name: annotations.get(f"{PREFIX}{name}", default) for name, default in ANNOTATIONS.items()}
    for rule in ingress["spec"].get("rules", []):
        for path in rule.get("http", {}).get("paths", []):
            scheme = settings["backend-protocol"].lower()
            upstream = _upstream(scheme, path["backend"].get("service", {}), services)
            for text, exact in _locations(path.get("path", "/"), path["pathType"]):
                yield rule.get("host", ""), Route(text, exact, upstream, settings)


def _locations(path: str, kind: str) -> list[tuple[str, bool]]:
    """Returns nginx locations for a path; a prefix matches whole elements, with or without a trailing slash."""
    if kind == "Exact":
        return [(path, True)]
    bare = path.rstrip("/")
    return [(f"{bare}/", False), (bare, True)] if bare else [("/", False)]


def _upstream(scheme: str, backend: Object, services: Mapping[str, Object]) -> str:
    spec = services.get(backend.get("name", ""), {}).get("spec", {})
    wanted = backend.get("port", {})
    ports = [
        port["port"]
        for port in spec.get("ports", [])
        if wanted in ({"number": port["port"]}, {"name": port.get("name")})
    ]
    address = spec.get("clusterIP", "None")
    return f"{scheme}://{address}:{ports[0]}" if ports and address != "None" else ""


def _certificates(ingresses: Iterable[Object], secrets: Mapping[str, Object]) -> Iterator[tuple[str, Certificate]]:
    for ingress in ingresses:
        for entry in ingress["spec"].get("tls", []):
            name = entry.get("secretName", "")
            data = secrets.get(name, {}).get("data", {})
            if data.get("tls.crt") and data.get("tls.key"):
                cert, key = (base64.b64decode(data[part]) for part in ("tls.crt", "tls.key"))
                yield from ((host, Certificate(name, cert, key)) for host in entry.get("hosts", [""]))
