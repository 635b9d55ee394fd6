"""A front with TLS, as an ingress would be: nginx before the RADOS gateway or before Harbor."""

from __future__ import annotations

import re
import socket
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import TYPE_CHECKING

from lab.debian import locate
from lab.process import Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.certs import Authority

HOST = "127.0.0.1"

HTTP = """
  log_format lab '$request_method $status $uri';
  access_log {access_log} lab;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen {host}:{control_port};
    access_log off;
    return 204;
  }}"""
"""What every nginx of the lab has in its `http` section."""
CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {home}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{{http}
  server {{
    listen {host}:{port} ssl;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    client_max_body_size {max_body};
    location / {{
      proxy_pass {upstream};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 300s;
      proxy_set_header Host {host_header};
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""

LOGGED = re.compile(r"^(?P<method>\S+) (?P<status>\d+) (?P<path>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """A request that passed the front, without its query, which may hold secrets."""

    method: str
    status: int
    path: str


class AccessLog:
    """What an nginx that has one worker was asked."""

    def __init__(self, path: Path, control_port: int) -> None:
        self.path = path
        self._control_port = control_port

    def mark(self) -> int:
        """The present point in the log, for `since`."""
        self.settle()
        return self.path.stat().st_size

    def since(self, mark: int) -> list[Request]:
        """The requests since `mark` whose answers were received, in the order of their ends."""
        self.settle()
        with self.path.open("rb") as log:
            log.seek(mark)
            text = log.read().decode(errors="replace")
        return [Request(seen["method"], int(seen["status"]), seen["path"]) for seen in LOGGED.finditer(text)]

    def settle(self) -> None:
        """Wait until every request answered so far is in the log, which nginx writes after the answer.

        One thread does all the work, so when it answers another request it has finished with those before. An nginx
        that has ended has nothing left to write.
        """
        with suppress(ConnectionRefusedError), closing(self._ask()) as connection:
            connection.request("GET", "/")
            connection.getresponse().read()

    def _ask(self) -> HTTPConnection:
        return HTTPConnection(HOST, self._control_port, timeout=5)


@dataclass(frozen=True)
class Site:
    """What a front serves."""

    upstream: str
    hosts: tuple[str, ...] = ("localhost", HOST)
    max_body: str = "0"
    """The largest request body as nginx writes it, such as '1m'; '0' means no limit."""
    host_header: str = "$host"
    """What the upstream sees as Host; the default drops the port, as ingress controllers do."""


class Front:
    """A running front; its state lies in `directory`, whose name is its name."""

    def __init__(self, directory: Path, processes: Processes, authority: Authority, site: Site, port: int) -> None:
        self.name = directory.name
        self.site = site
        self.port = port
        self._control_port = free_port(HOST)
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
        """A front for `site` with a certificate of `authority`, on `port` or a free one."""
        front = cls(directory, processes, authority, site, port or free_port(HOST))
        front._run()
        return front

    @property
    def url(self) -> str:
        """Where clients find it, by the first of its hosts."""
        return f"https://{self.site.hosts[0]}:{self.port}"

    def reconfigure(self, *, max_body: str) -> None:
        """Serve the same on the same port with another limit of the request body."""
        self.site = replace(self.site, max_body=max_body)
        self.stop()
        self._run()

    def stop(self) -> None:
        """End the front; clients are refused from now on."""
        if self._process is not None:
            self._log.settle()
            self._process.stop()
            self._process = None

    def mark(self) -> int:
        """The present point in the access log, for `requests_since`."""
        return self._log.mark()

    def requests_since(self, mark: int) -> list[Request]:
        """The requests since `mark` whose answers were received, in the order of their ends."""
        return self._log.since(mark)

    def _run(self) -> None:
        config = self._home / "nginx.conf"
        config.write_text(
            CONFIG.format(
                home=self._home,
                http=HTTP.format(
                    home=self._home, access_log=self._log.path, host=HOST, control_port=self._control_port
                ),
                host=HOST,
                port=self.port,
                cert=self._issued.cert_path,
                key=self._issued.key_path,
                upstream=self.site.upstream,
                max_body=self.site.max_body,
                host_header=self.site.host_header,
            )
        )
        argv: list[str | Path] = [self._tool.path, "-p", self._home, "-c", config, "-e", "stderr"]
        self._process = self._processes.start(self.name, argv, env=self._tool.env)
        wait_until(self._listens, f"nginx '{self.name}' listens", deadline=10, process=self._process, interval=0.01)

    def _listens(self) -> bool:
        with socket.create_connection((HOST, self.port), timeout=5):
            return True
