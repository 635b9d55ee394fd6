"""Routes and certificates from Ingress objects, Services and Secrets."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lab.ingress.routes import Host, NamespaceObjects, Object, plan_hosts

SERVICES: dict[str, Object] = {
    "core": {"spec": {"clusterIP": "10.0.0.7", "ports": [{"port": 80, "name": "http"}, {"port": 81, "name": "more"}]}},
    "headless": {"spec": {"clusterIP": "None", "ports": [{"port": 80}]}},
}
CORE = "http://10.0.0.7:80"


def path(text: str, service: str = "core", kind: str = "Prefix", **port: Any) -> Object:
    return {"path": text, "pathType": kind, "backend": {"service": {"name": service, "port": port or {"number": 80}}}}


def ingress(*paths: Object, host: str = "cr.example.com", **spec: Any) -> Object:
    rule = {"host": host, "http": {"paths": list(paths)}}
    return {"metadata": {}, "spec": {"ingressClassName": "nginx", "rules": [rule], **spec}}


def plan(*ingresses: Object, secrets: dict[str, Object] | None = None) -> list[Host]:
    named = {f"i{number}": each for number, each in enumerate(ingresses)}
    return plan_hosts(NamespaceObjects(named, SERVICES, secrets or {}))


def upstreams(*ingresses: Object) -> dict[str, str]:
    """Returns the upstream of each location of the only host."""
    (host,) = plan(*ingresses)
    return {f"{'= ' if route.exact else ''}{route.path}": route.upstream for route in host.routes}


@pytest.mark.parametrize(
    ("text", "kind", "locations"),
    [
        ("/api/", "Prefix", ["/api/", "= /api"]),
        ("/api", "Prefix", ["/api/", "= /api"]),
        ("/", "Prefix", ["/"]),
        ("/api", "Exact", ["= /api"]),
    ],
)
def test_a_prefix_matches_whole_path_elements(text: str, kind: str, locations: list[str]) -> None:
    assert list(upstreams(ingress(path(text, kind=kind)))) == locations


def test_a_port_is_found_by_number_or_name_and_an_absent_one_has_no_upstream() -> None:
    paths = [
        path("/a", number=81),
        path("/b", name="http"),
        path("/c", number=82),
        path("/d", "headless"),
        path("/e", "x"),
    ]
    assert [upstreams(ingress(one)).popitem()[1] for one in paths] == ["http://10.0.0.7:81", CORE, "", "", ""]


def test_of_two_ingresses_with_one_path_the_older_wins() -> None:
    younger, older = ingress(path("/", "x")), ingress(path("/"))
    younger["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    older["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    assert upstreams(younger, older) == {"/": CORE}


def test_only_the_class_nginx_is_served_by_field_or_annotation() -> None:
    assert plan(ingress(path("/"), ingressClassName="other")) == []
    annotated = ingress(path("/"), ingressClassName=None)
    assert plan(annotated) == []
    annotated["spec"].pop("ingressClassName")
    annotated["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    assert [host.name for host in plan(annotated)] == ["cr.example.com"]


def test_the_certificate_comes_from_the_secret_for_the_listed_hosts() -> None:
    data = {"tls.crt": base64.b64encode(b"cert").decode(), "tls.key": base64.b64encode(b"key").decode()}
    tls = [{"secretName": "cr-tls", "hosts": ["cr.example.com"]}]
    (host,) = plan(ingress(path("/"), tls=tls), secrets={"cr-tls": {"data": data}})
    assert host.certificate is not None
    assert (host.certificate.name, host.certificate.cert, host.certificate.key) == ("cr-tls", b"cert", b"key")
    assert plan(ingress(path("/"), tls=tls))[0].certificate is None
    assert (
        plan(ingress(path("/"), host="other.example.com", tls=tls), secrets={"cr-tls": {"data": data}})[0].certificate
        is None
    )


def test_a_service_with_tls_is_named_by_an_annotation() -> None:
    one = ingress(path("/"))
    one["metadata"]["annotations"] = {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"}
    assert upstreams(one) == {"/": "https://10.0.0.7:80"}
