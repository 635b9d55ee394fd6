"""`python -m lab.ingress.controller FILE`: configures an nginx from Ingress objects until it receives SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lab.addresses import HOST
from lab.ingress.nginx_conf import CERTIFICATES, ControllerSettings, nginx_conf
from lab.ingress.routes import Host, plan_hosts
from lab.ingress.watch import NamespaceWatch

DEBOUNCE_SECONDS = 0.05
"""Changes that arrive together, such as those of one `kubectl apply`, cause one reload."""


class Nginx:
    """nginx inside the node's network and process namespaces; it ends with the node."""

    def __init__(self, settings: ControllerSettings) -> None:
        self._settings = settings
        self._sockets = [
            socket.create_server((HOST, port), backlog=512) for port in (settings.port, settings.control_port)
        ]
        self._files: dict[str, bytes] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts nginx without any route."""
        self._write([])
        handles = [one.fileno() for one in self._sockets]
        enter = ["nsenter", f"--target={self._settings.node_pid}", "--net", "--pid", "--"]
        serve = [self._settings.nginx, "-p", self._settings.home, "-c", "nginx.conf", "-e", "stderr"]
        # nginx reads inherited sockets from this variable, as during a binary upgrade.
        env = {**os.environ, **self._settings.nginx_env, "NGINX": "".join(f"{handle};" for handle in handles)}
        self._process = await asyncio.create_subprocess_exec(*enter, *serve, pass_fds=handles, env=env)

    async def wait_ended(self) -> None:
        """Returns when nginx ends, which is a failure."""
        if self._process is not None:
            await self._process.wait()
            print(f"ingress: nginx ended with status {self._process.returncode}", flush=True)

    def configure(self, hosts: list[Host]) -> None:
        """Reloads nginx with these hosts; running requests finish with the old configuration."""
        if self._write(hosts):
            self._signal(signal.SIGHUP)
            summary = [f"{host.name or 'any host'} with {len(host.routes)} routes" for host in hosts]
            print(f"ingress: {', '.join(summary) or 'no hosts'}", flush=True)

    def stop(self) -> None:
        """Ends nginx."""
        self._signal(signal.SIGTERM)

    def _write(self, hosts: list[Host]) -> bool:
        """Writes the files and returns whether any of them changed."""
        home, files = Path(self._settings.home), dict(_certificate_files(hosts))
        _write_private(home, files)
        files["nginx.conf"] = nginx_conf(
            [_with_valid_certificate(host, home) for host in hosts], self._settings
        ).encode()
        _write_private(home, files)
        changed, self._files = files != self._files, files
        return changed

    def _signal(self, number: signal.Signals) -> None:
        """Sends a signal to nginx itself, the only child of `nsenter`."""
        if self._process is not None and self._process.returncode is None:
            pid = self._process.pid
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(child), number)


async def serve(settings: ControllerSettings) -> int:
    """Serves until SIGTERM (status 0) or until nginx ends (status 1)."""
    nginx, stopped = Nginx(settings), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await nginx.start()
    watch = NamespaceWatch(Path(settings.kubeconfig), settings.namespace)
    tasks = [
        asyncio.create_task(each) for each in (stopped.wait(), nginx.wait_ended(), _configure_on_change(nginx, watch))
    ]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    nginx.stop()
    return 0 if stopped.is_set() else 1


async def _configure_on_change(nginx: Nginx, watch: NamespaceWatch) -> None:
    while await watch.changed.wait():
        await asyncio.sleep(DEBOUNCE_SECONDS)
        watch.changed.clear()
        nginx.configure(plan_hosts(watch.objects))


def _certificate_files(hosts: Iterable[Host]) -> Iterable[tuple[str, bytes]]:
    for host in hosts:
        if host.certificate is not None:
            yield f"{CERTIFICATES}/{host.certificate.name}.crt", host.certificate.cert
            yield f"{CERTIFICATES}/{host.certificate.name}.key", host.certificate.key


def _write_private(home: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content)


def _with_valid_certificate(host: Host, home: Path) -> Host:
    """Returns the host, without its certificate if that cannot be loaded: one bad Secret must not affect others."""
    if host.certificate is None:
        return host
    base = home / CERTIFICATES / host.certificate.name
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"{base}.crt", f"{base}.key")
    except (OSError, ValueError) as error:
        print(f"ingress: Secret '{host.certificate.name}' contains no valid certificate: {error}", flush=True)
        return replace(host, certificate=None)
    return host


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(ControllerSettings.read(Path(sys.argv[1])))))
