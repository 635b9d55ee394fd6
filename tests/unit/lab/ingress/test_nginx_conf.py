"""The nginx configuration that is rendered from routes."""

from __future__ import annotations

from lab.ingress.nginx_conf import ControllerSettings, nginx_conf
from lab.ingress.routes import Certificate, Host, NamespaceObjects, Object, plan_hosts

SETTINGS = ControllerSettings("/home", "/log", 443, 80, "intra", "/kubeconfig", "/nginx", {}, 1)


SERVICES: dict[str, Object] = {"core": {"spec": {"clusterIP": "10.0.0.7", "ports": [{"port": 80}]}}}


def ingress(path: str) -> Object:
    """An Ingress with one path that leads to Service `core`."""
    backend = {"service": {"name": "core", "port": {"number": 80}}}
    paths = [{"path": path, "pathType": "Prefix", "backend": backend}]
    rules = [{"host": "cr.example.com", "http": {"paths": paths}}]
    return {"metadata": {}, "spec": {"ingressClassName": "nginx", "rules": rules}}


def test_a_certificate_is_read_from_the_home_directory() -> None:
    host = Host("cr.example.com", (), Certificate("cr-tls", b"cert", b"key"))
    assert "ssl_certificate /home/certificates/cr-tls.crt;" in nginx_conf([host], SETTINGS)


def test_annotations_and_the_defaults_of_ingress_nginx_are_rendered() -> None:
    one = ingress("/")
    defaults = nginx_conf(plan_hosts(NamespaceObjects({"one": one}, SERVICES)), SETTINGS)
    assert "client_max_body_size 1m;" in defaults
    assert "proxy_set_header Host $http_host;" in defaults
    prefix = "nginx.ingress.kubernetes.io"
    one["metadata"]["annotations"] = {f"{prefix}/proxy-body-size": "0", f"{prefix}/upstream-vhost": "cr.internal"}
    changed = nginx_conf(plan_hosts(NamespaceObjects({"one": one}, SERVICES)), SETTINGS)
    assert "client_max_body_size 0;" in changed
    assert "proxy_set_header Host cr.internal;" in changed


def test_an_unknown_host_is_404_and_a_missing_service_503() -> None:
    without_service = ingress("/x")
    nothing = nginx_conf([], SETTINGS)
    assert 'server_name "_";' in nothing
    assert "ssl_certificate /home/untrusted.crt;" in nothing
    assert "location / { return 404; }" in nothing
    assert 'location "/x/" { return 503; }' in nginx_conf(
        plan_hosts(NamespaceObjects({"one": without_service})), SETTINGS
    )
