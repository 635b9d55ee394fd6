"""A forward proxy with a login and host names of its own: tinyproxy, which logs every request."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from lab.addresses import HOST, join
from lab.debian import Tool, locate
from lab.process import LabError, Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

USER = "proxy-user"
PASSWORD = "Proxy-pass-1"
RESOLVER = "libnss_wrapper.so"

CONFIG = """
Port {port}
Listen {host}
Allow {host}
Timeout 30
MaxClients 50
LogLevel Connect
BasicAuth {user} {password}
"""
REQUESTED = re.compile(r"Request \(file descriptor \d+\): (?P<method>\S+) (?P<target>\S+) HTTP/")


class ForwardProxy:
    """A running proxy; it resolves the names of `hosts`, which no other program on the machine can resolve."""

    def __init__(self, directory: Path, processes: Processes, hosts: Mapping[str, str]) -> None:
        self.port = free_port()
        self._log = processes.log_dir / f"{directory.name}.log"
        tool = find_forward_proxy()
        directory.mkdir(parents=True)
        names, config = directory / "hosts", directory / "tinyproxy.conf"
        names.write_text("".join(f"{address} {name}\n" for name, address in hosts.items()))
        config.write_text(CONFIG.format(port=self.port, host=HOST, user=USER, password=PASSWORD))
        env = {**tool.env, "LD_PRELOAD": str(_resolver(tool)), "NSS_WRAPPER_HOSTS": str(names)}
        self._process: Process = processes.start(directory.name, [tool.path, "-d", "-c", config], env=env)
        wait_until(self._listens, "the forward proxy listens", deadline=10, process=self._process)

    @property
    def url(self) -> str:
        """The URL with the login, as `HTTPS_PROXY` contains it."""
        return f"http://{USER}:{PASSWORD}@{join(HOST, self.port)}"

    @property
    def url_without_login(self) -> str:
        """The URL with which every request is refused."""
        return f"http://{join(HOST, self.port)}"

    def mark(self) -> int:
        """Returns the current position in the log, for `requests_since`; a request is logged before it is answered."""
        return self._log.stat().st_size

    def requests_since(self, mark: int) -> list[tuple[str, str]]:
        """Returns method and target of every request since `mark`, refused ones included."""
        with self._log.open("rb") as log:
            log.seek(mark)
            text = log.read().decode(errors="replace")
        return [(found["method"], found["target"]) for found in REQUESTED.finditer(text)]

    def _listens(self) -> bool:
        with socket.create_connection((HOST, self.port), timeout=5):
            return True


def _resolver(tool: Tool) -> Path:
    """Returns the library with which a program reads another file than /etc/hosts. Raises LabError."""
    roots = [tool.prefix] if tool.prefix else []
    found = [path for root in roots for path in sorted(root.glob(f"usr/lib/*/{RESOLVER}"))]
    if not found:
        raise LabError(f"'{RESOLVER}' was not unpacked beside tinyproxy; uninstall tinyproxy from this machine")
    return found[0]


def find_forward_proxy() -> Tool:
    """Returns tinyproxy with its resolver. Raises LabError if this machine neither has nor can download it."""
    return locate("tinyproxy", ["tinyproxy-bin", "libnss-wrapper"])
