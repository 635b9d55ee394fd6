"""What the lab's ingress controller makes of Ingress objects, without any server."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lab.ingress.nginx_conf import Place, nginx_conf
from lab.ingress.routes import Host, Object, Seen, plan_hosts

PLACE = Place("/home", "/log", 443, 80, "intra", "/kubeconfig", "/nginx", {}, 1)
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
    return plan_hosts(Seen(named, SERVICES, secrets or {}))


def upstreams(*ingresses: Object) -> dict[str, str]:
    """Where each place of the only host leads."""
    (host,) = plan(*ingresses)
    return {f"{'= ' if route.exact else ''}{route.path}": route.upstream for route in host.routes}


@pytest.mark.parametrize(
    ("text", "kind", "places"),
    [
        ("/api/", "Prefix", ["/api/", "= /api"]),
        ("/api", "Prefix", ["/api/", "= /api"]),
        ("/", "Prefix", ["/"]),
        ("/api", "Exact", ["= /api"]),
    ],
)
def test_a_prefix_takes_whole_elements(text: str, kind: str, places: list[str]) -> None:
    assert list(upstreams(ingress(path(text, kind=kind)))) == places


def test_a_port_is_found_by_number_and_by_name_and_what_is_not_there_leads_nowhere() -> None:
    paths = [
        path("/a", number=81),
        path("/b", name="http"),
        path("/c", number=82),
        path("/d", "headless"),
        path("/e", "x"),
    ]
    assert [upstreams(ingress(one)).popitem()[1] for one in paths] == ["http://10.0.0.7:81", CORE, "", "", ""]


def test_of_two_that_claim_a_path_the_older_has_it() -> None:
    younger, older = ingress(path("/", "x")), ingress(path("/"))
    younger["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    older["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    assert upstreams(younger, older) == {"/": CORE}


def test_only_our_class_is_served_by_its_field_or_by_its_old_annotation() -> None:
    assert plan(ingress(path("/"), ingressClassName="other")) == []
    annotated = ingress(path("/"), ingressClassName=None)
    assert plan(annotated) == []
    annotated["spec"].pop("ingressClassName")
    annotated["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    assert [host.name for host in plan(annotated)] == ["cr.example.com"]


def test_the_certificate_is_that_of_the_secret_for_the_hosts_that_are_named() -> None:
    data = {"tls.crt": base64.b64encode(b"cert").decode(), "tls.key": base64.b64encode(b"key").decode()}
    tls = [{"secretName": "cr-tls", "hosts": ["cr.example.com"]}]
    (host,) = plan(ingress(path("/"), tls=tls), secrets={"cr-tls": {"data": data}})
    assert host.certificate is not None
    assert (host.certificate.name, host.certificate.cert, host.certificate.key) == ("cr-tls", b"cert", b"key")
    assert "ssl_certificate /home/certificates/cr-tls.crt;" in nginx_conf([host], PLACE)
    assert plan(ingress(path("/"), tls=tls))[0].certificate is None
    assert (
        plan(ingress(path("/"), host="other.example.com", tls=tls), secrets={"cr-tls": {"data": data}})[0].certificate
        is None
    )


def test_annotations_are_obeyed_and_the_defaults_are_those_of_ingress_nginx() -> None:
    one = ingress(path("/"))
    usual = nginx_conf(plan(one), PLACE)
    assert "client_max_body_size 1m;" in usual
    assert "proxy_set_header Host $http_host;" in usual
    prefix = "nginx.ingress.kubernetes.io"
    one["metadata"]["annotations"] = {f"{prefix}/proxy-body-size": "0", f"{prefix}/upstream-vhost": "cr.internal"}
    changed = nginx_conf(plan(one), PLACE)
    assert "client_max_body_size 0;" in changed
    assert "proxy_set_header Host cr.internal;" in changed


def test_what_no_ingress_names_is_not_found_and_what_has_no_service_is_unavailable() -> None:
    nothing = nginx_conf([], PLACE)
    assert 'server_name "_";' in nothing
    assert "ssl_certificate /home/untrusted.crt;" in nothing
    assert "location / { return 404; }" in nothing
    assert 'location "/x/" { return 503; }' in nginx_conf(plan(ingress(path("/x", "absent"))), PLACE)
