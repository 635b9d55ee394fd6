"""Renders hosts and routes as an nginx configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from lab.addresses import HOST, join
from lab.ingress.routes import Host, Route
from lab.nginx import HTTP

MAIN = """
daemon off;
user root;
worker_processes 1;
pid {home}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{{http}{servers}
}}
"""
SERVER = """
  server {{
    listen {address} ssl{default};
    server_name "{name}";
    ssl_certificate {home}/{certificate}.crt;
    ssl_certificate_key {home}/{certificate}.key;{locations}
  }}"""
PROXIED = """
    location {path} {{
      client_max_body_size {body};
      proxy_pass {upstream};
      proxy_http_version 1.1;
      proxy_request_buffering {buffering};
      proxy_buffering off;
      proxy_set_header Host {host};
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Forwarded-Proto https;
    }}"""
FIXED_STATUS = """
    location {path} {{ return {status}; }}"""
CERTIFICATES = "certificates"
UNTRUSTED = "untrusted"
"""The name of the certificate for hosts without a Secret."""


@dataclass(frozen=True)
class ControllerSettings:
    """The settings of the controller; the lab writes them to a file."""

    home: str
    access_log: str
    port: int
    control_port: int
    namespace: str
    kubeconfig: str
    nginx: str
    nginx_env: dict[str, str]
    node_pid: int

    def write(self) -> Path:
        """Writes the file that the controller reads, and returns its path."""
        path = Path(self.home) / "settings.json"
        path.write_text(json.dumps(asdict(self)))
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads the file of `write`."""
        return cls(**json.loads(path.read_text()))


def nginx_conf(hosts: Iterable[Host], settings: ControllerSettings) -> str:
    """Returns the configuration; certificates are files in `home`, named after their Secrets."""
    found = list(hosts)
    if all(host.name for host in found):
        found.append(Host("", (), None))
    http = HTTP.format(home=settings.home, access_log=settings.access_log, control=join(HOST, settings.control_port))
    return MAIN.format(home=settings.home, http=http, servers="".join(_server(host, settings) for host in found))


def _server(host: Host, settings: ControllerSettings) -> str:
    routes = list(host.routes)
    missing = "" if any(route.path == "/" for route in routes) else FIXED_STATUS.format(path="/", status=404)
    return SERVER.format(
        address=join(HOST, settings.port),
        default="" if host.name else " default_server",
        name=host.name or "_",
        home=settings.home,
        certificate=f"{CERTIFICATES}/{host.certificate.name}" if host.certificate else UNTRUSTED,
        locations="".join(map(_location, routes)) + missing,
    )


def _location(route: Route) -> str:
    path = f'{"= " if route.exact else ""}"{route.path}"'
    if not route.upstream:
        return FIXED_STATUS.format(path=path, status=503)
    return PROXIED.format(
        path=path,
        upstream=route.upstream,
        body=route.settings["proxy-body-size"],
        buffering=route.settings["proxy-request-buffering"],
        host=route.settings["upstream-vhost"],
    )
