"""A TLS proxy, in the role of an ingress: nginx in front of the RADOS gateway or of Harbor."""

from __future__ import annotations

import re
import socket
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import TYPE_CHECKING

from lab.addresses import HOST, NAMES, join
from lab.debian import locate
from lab.process import Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.certs import Authority, Issued

HTTP = """
  log_format lab '$request_method $status $uri';
  access_log {access_log} lab;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen {control};
    access_log off;
    return 204;
  }}"""
"""Common lines of the `http` section of every nginx in the lab."""
CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {home}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{{http}
  server {{
    listen {address} ssl;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    client_max_body_size {max_body};
    location / {{
      proxy_pass {upstream};
      proxy_http_version 1.1;
      proxy_request_buffering {request_buffering};
      proxy_buffering {buffering};
      limit_rate {rate};
      proxy_read_timeout 300s;
      proxy_set_header Host {host_header};
      {forwarded_proto}
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""

LOGGED = re.compile(r"^(?P<method>\S+) (?P<status>\d+) (?P<path>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """A logged request, without its query, which can contain secrets."""

    method: str
    status: int
    path: str


class AccessLog:
    """The access log of an nginx with one worker."""

    def __init__(self, path: Path, control_port: int) -> None:
        self.path = path
        self._control_port = control_port

    def mark(self) -> int:
        """Returns the current position in the log, for `since`."""
        self.settle()
        return self.path.stat().st_size

    def since(self, mark: int) -> list[Request]:
        """Returns the requests since `mark` that were answered, in the order of completion."""
        self.settle()
        with self.path.open("rb") as log:
            log.seek(mark)
            text = log.read().decode(errors="replace")
        return [Request(seen["method"], int(seen["status"]), seen["path"]) for seen in LOGGED.finditer(text)]

    def settle(self) -> None:
        """Waits until every answered request is in the log, which nginx writes after the answer.

        nginx has one thread: when it answers another request, it has logged all earlier ones. A stopped nginx has
        logged everything.
        """
        with suppress(ConnectionRefusedError), closing(self._control_connection()) as connection:
            connection.request("GET", "/")
            connection.getresponse().read()

    def _control_connection(self) -> HTTPConnection:
        return HTTPConnection(HOST, self._control_port, timeout=5)


@dataclass(frozen=True)
class Site:
    """The upstream and settings of a proxy."""

    upstream: str
    hosts: tuple[str, ...] = NAMES
    max_body: str = "0"
    """The body size limit in nginx syntax, such as '1m'; '0' means no limit."""
    buffers_requests: bool = False
    """Whether nginx reads a whole body before it sends the request to the upstream; its own default is to."""
    host_header: str = "$host"
    """The Host header for the upstream; the default omits the port, as ingress controllers do."""
    forwards_scheme: bool = True
    """Whether the upstream learns from X-Forwarded-Proto that the client uses TLS."""
    rate: str = "0"
    """The speed of each answer in bytes per second in nginx syntax, such as '64k'; '0' means no limit."""


class Front:
    """A running proxy with its state in `directory`, whose name is the name of the proxy."""

    def __init__(self, directory: Path, processes: Processes, authority: Authority, site: Site, port: int) -> None:
        self.name = directory.name
        self.site = site
        self.port = port
        self._control_port = free_port()
        self._log = AccessLog(processes.log_dir / f"{self.name}-access.log", self._control_port)
        self._home = directory
        self._processes = processes
        self._tool = locate("nginx", ["nginx-light"])
        self._process: Process | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self._issued = authority.issue(self.name, hosts=site.hosts)

    @classmethod
    def start(
        cls, directory: Path, processes: Processes, authority: Authority, site: Site, *, port: int | None = None
    ) -> Front:
        """Starts a proxy for `site` with a certificate of `authority`, on `port` or a free one."""
        front = cls(directory, processes, authority, site, port or free_port())
        front._run()
        return front

    @property
    def url(self) -> str:
        """The URL for clients, with the first of the hosts."""
        return f"https://{join(self.site.hosts[0], self.port)}"

    def reconfigure(self, *, max_body: str) -> None:
        """Restarts on the same port with another body size limit."""
        self.serve(replace(self.site, max_body=max_body))

    def serve(self, site: Site, issued: Issued | None = None) -> None:
        """Restarts on the same port with other settings, and with another certificate if one is given."""
        self.site = site
        self._issued = issued or self._issued
        self.stop()
        self._run()

    def stop(self) -> None:
        """Stops the proxy."""
        if self._process is not None:
            self._log.settle()
            self._process.stop()
            self._process = None

    def mark(self) -> int:
        """Returns the current position in the access log, for `requests_since`."""
        return self._log.mark()

    def requests_since(self, mark: int) -> list[Request]:
        """Returns the requests since `mark` that were answered, in the order of completion."""
        return self._log.since(mark)

    def _run(self) -> None:
        config = self._home / "nginx.conf"
        config.write_text(
            CONFIG.format(
                home=self._home,
                http=HTTP.format(home=self._home, access_log=self._log.path, control=join(HOST, self._control_port)),
                address=join(HOST, self.port),
                cert=self._issued.cert_path,
                key=self._issued.key_path,
                upstream=self.site.upstream,
                max_body=self.site.max_body,
                host_header=self.site.host_header,
                # Without buffers nginx sends what arrives, at any speed.
                buffering="off" if self.site.rate == "0" else "on",
                rate=self.site.rate,
                request_buffering="on" if self.site.buffers_requests else "off",
                forwarded_proto="proxy_set_header X-Forwarded-Proto https;" if self.site.forwards_scheme else "",
            )
        )
        argv: list[str | Path] = [self._tool.path, "-p", self._home, "-c", config, "-e", "stderr"]
        self._process = self._processes.start(self.name, argv, env=self._tool.env)
        wait_until(self._listens, f"nginx '{self.name}' listens", deadline=10, process=self._process)

    def _listens(self) -> bool:
        with socket.create_connection((HOST, self.port), timeout=5):
            return True
