"""`python -m lab.ingress.controller PLACE`: keeps an nginx configured as the cluster says, until told to stop."""

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

from lab.ingress.nginx_conf import CERTIFICATES, Place, nginx_conf
from lab.ingress.routes import Host, plan_hosts
from lab.ingress.watch import Watch
from lab.nginx import HOST

TOGETHER_SECONDS = 0.05
"""What is applied in one go is read in one go."""


class Nginx:
    """nginx in the network and among the processes of the node, which it does not outlive."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sockets = [socket.create_server((HOST, port), backlog=512) for port in (place.port, place.control_port)]
        self._files: dict[str, bytes] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Serves what leads nowhere yet."""
        self._write([])
        handles = [one.fileno() for one in self._sockets]
        enter = ["nsenter", f"--target={self._place.node_pid}", "--net", "--pid", "--"]
        serve = [self._place.nginx, "-p", self._place.home, "-c", "nginx.conf", "-e", "stderr"]
        # The names of inherited sockets: so nginx passes them on to a new version of itself.
        env = {**os.environ, **self._place.nginx_env, "NGINX": "".join(f"{handle};" for handle in handles)}
        self._process = await asyncio.create_subprocess_exec(*enter, *serve, pass_fds=handles, env=env)

    async def died(self) -> None:
        """Returns when nginx has ended, which it should not."""
        if self._process is not None:
            await self._process.wait()
            print(f"ingress: nginx ended with status {self._process.returncode}", flush=True)

    def configure(self, hosts: list[Host]) -> None:
        """Serves these hosts from now on; requests under way end as they began."""
        if self._write(hosts):
            self._signal(signal.SIGHUP)
            told = [f"{host.name or 'any host'} with {len(host.routes)} routes" for host in hosts]
            print(f"ingress: {', '.join(told) or 'nothing'}", flush=True)

    def stop(self) -> None:
        """Ends nginx."""
        self._signal(signal.SIGTERM)

    def _write(self, hosts: list[Host]) -> bool:
        """Writes the files, and returns whether they differ from those of the last time."""
        home, files = Path(self._place.home), dict(_certificate_files(hosts))
        _write_private(home, files)
        files["nginx.conf"] = nginx_conf([_trusted(host, home) for host in hosts], self._place).encode()
        _write_private(home, files)
        changed, self._files = files != self._files, files
        return changed

    def _signal(self, number: signal.Signals) -> None:
        """Tells nginx itself, the only child of what has entered the node."""
        if self._process is not None and self._process.returncode is None:
            pid = self._process.pid
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(child), number)


async def serve(place: Place) -> int:
    """Serves until told to stop, which is success, or until nginx dies."""
    nginx, over = Nginx(place), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await nginx.start()
    async with Watch.open(Path(place.kubeconfig), place.namespace) as watch:
        work = [asyncio.create_task(each) for each in (over.wait(), nginx.died(), _follow(nginx, watch))]
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in work:
            task.cancel()
    nginx.stop()
    return 0 if over.is_set() else 1


async def _follow(nginx: Nginx, watch: Watch) -> None:
    while await watch.changed.wait():
        await asyncio.sleep(TOGETHER_SECONDS)
        watch.changed.clear()
        nginx.configure(plan_hosts(watch.seen))


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


def _trusted(host: Host, home: Path) -> Host:
    """The host without a certificate that cannot be loaded: one bad Secret must not stop all the others."""
    if host.certificate is None:
        return host
    base = home / CERTIFICATES / host.certificate.name
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"{base}.crt", f"{base}.key")
    except (OSError, ValueError) as error:
        print(f"ingress: Secret '{host.certificate.name}' holds no usable certificate: {error}", flush=True)
        return replace(host, certificate=None)
    return host


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(Place.read(Path(sys.argv[1])))))
