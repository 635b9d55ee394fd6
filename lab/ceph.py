"""Ceph: one monitor, one OSD with an in-memory store, and the RADOS gateway with its Swift API.

The gateway listens on a separate address, so that a wrong X-Storage-Url fails: the gateway builds it from
its port and the host name of the request, and nothing listens on that port at that host name.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import struct
import subprocess
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from lab import suites, versions
from lab.addresses import GATEWAY_HOST, join
from lab.debian import Tool, find_installed, locate
from lab.process import LabError, Process, Processes, free_port, wait_until

PACKAGES = ["ceph-mon", "ceph-osd", "radosgw"]
SUITES = {"16": "bookworm", "18": "trixie", "20": "forky"}
"""The Debian release with each version."""
KEY_BYTES = 16
ADMIN_CAPS = "users=*;buckets=*;metadata=*;usage=*"

CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}]
public network = 127.0.0.0/8
public addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
mon auth emergency allowed ciphers = aes, aes256k
run dir = {directory}/run
admin socket =
log to file = false
mon cluster log to file = false
log to stderr = true
err to stderr = true
keyring = {directory}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
paxos propose interval = 0.02
paxos min wait = 0.01
rgw rados pool pg num min = 1
{prefix_lines}
[mon.a]
mon data = {directory}/mon
mon data avail crit = 1
[osd.0]
osd data = {directory}/osd
osd fast shutdown = false
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw]
rgw frontends = beast endpoint={gateway}
rgw enable apis = s3, swift, swift_auth, admin
rgw cache enabled = false
{gateway_lines}
"""
"""The cache is disabled: with it, a change waits 30 s for the acknowledgement of a gateway that was killed.
A new monitor of Ceph 20 accepts keys for AES-256 only, unless other ciphers are named; earlier releases ignore that
line."""

KEYS = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
    "client.rgw": {"mon": "allow rw", "osd": "allow rwx"},
}


@dataclass(frozen=True)
class StoredObject:
    """An object in a container."""

    name: str
    size: int


class Ceph:
    """A running Ceph cluster with its gateway."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        self._directory = directory
        self._processes = processes
        self._tool = find_ceph()
        self._env = {**self._tool.env, "CEPH_CONF": str(directory / "ceph.conf")}
        self._gateway: Process | None = None
        self._mon_port = free_port()
        self.rgw_port = free_port()
        self.admin_access_key = ""
        self.admin_secret_key = ""

    @classmethod
    def start(
        cls, directory: Path, processes: Processes, *, swift_url: str | None = None, gateway_lines: str = ""
    ) -> Ceph:
        """Starts an empty cluster in `directory`; the gateway advertises `swift_url` to clients if it is given.

        `gateway_lines` are further settings of the gateway, as its configuration file has them.
        """
        cluster = cls(directory, processes)
        versions.CEPH.started.add(cluster._release())
        fsid = cluster._configure(gateway_lines)
        cluster._start_monitor(fsid)
        cluster._start_osd()
        cluster._start_gateway(swift_url)
        admin = cluster.admin("user", "create", "--uid=admin", "--display-name=admin", f"--caps={ADMIN_CAPS}")
        cluster.admin_access_key = admin["keys"][0]["access_key"]
        cluster.admin_secret_key = admin["keys"][0]["secret_key"]
        return cluster

    @property
    def rgw_host(self) -> str:
        """The address of the gateway."""
        return GATEWAY_HOST

    @property
    def rgw_url(self) -> str:
        """The URL of the gateway without TLS, for a proxy in front of it."""
        return f"http://{join(GATEWAY_HOST, self.rgw_port)}"

    def restart_rgw(self, swift_url: str | None) -> None:
        """Restarts the gateway with `swift_url` as the base of every X-Storage-Url, or without one."""
        self.stop_rgw()
        self._start_gateway(swift_url)

    def stop_rgw(self) -> None:
        """Stops the gateway; its data stay."""
        if self._gateway is not None:
            self._gateway.stop()

    def create_swift_user(self, uid: str, subuser: str, key: str) -> str:
        """Creates user `uid` with a Swift `subuser` and its `key`, and returns the login name."""
        name = f"{uid}:{subuser}"
        self.admin("user", "create", f"--uid={uid}", f"--display-name={uid}")
        wanted = ("--access=full", "--key-type=swift", f"--secret-key={key}")
        self.admin("subuser", "create", f"--uid={uid}", f"--subuser={name}", *wanted)
        return name

    def limit_user(self, uid: str, *, mib: int) -> None:
        """Sets the quota of user `uid`."""
        named = (f"--uid={uid}", "--quota-scope=user")
        self._output("radosgw-admin", "-n", "client.rgw", "quota", "set", *named, f"--max-size={mib}M")
        self._output("radosgw-admin", "-n", "client.rgw", "quota", "enable", *named)

    def containers(self) -> list[str]:
        """Returns the names of all containers."""
        return [str(name) for name in self.admin("bucket", "list")]

    def objects(self, container: str) -> list[StoredObject]:
        """Returns the objects in `container`, sorted by name."""
        listed = self.admin("bucket", "list", f"--bucket={container}", "--max-entries=100000")
        return [StoredObject(entry["name"], entry["meta"]["size"]) for entry in listed]

    def admin(self, *arguments: str) -> Any:
        """Returns the decoded output of `radosgw-admin`. Raises LabError."""
        return json.loads(self._output("radosgw-admin", "-n", "client.rgw", *arguments))

    def _release(self) -> str:
        """Returns the release of the gateway, from a line such as 'ceph version 16.2.15 (...) pacific (stable)'."""
        return self._output("radosgw", "--version").split()[2]

    def _configure(self, gateway_lines: str) -> str:
        for name in ("mon", "osd", "run"):
            (self._directory / name).mkdir(parents=True, exist_ok=True)
        fsid = str(uuid.uuid4())
        text = CONFIG.format(
            fsid=fsid,
            directory=self._directory,
            mon_port=self._mon_port,
            gateway=join(GATEWAY_HOST, self.rgw_port),
            prefix_lines=_prefix_lines(self._tool.prefix),
            gateway_lines=gateway_lines,
        )
        (self._directory / "ceph.conf").write_text(text)
        return fsid

    def _start_monitor(self, fsid: str) -> None:
        keyring, monmap = self._directory / "keyring", self._directory / "monmap"
        keyring.touch(mode=0o600)
        keyring.write_text("".join(_key(name, caps) for name, caps in KEYS.items()))
        address = f"[v2:127.0.0.1:{self._mon_port}]"
        self._run("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", address, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        monitor = self._daemon("ceph-mon", "-i", "a", "-f")
        wait_until(self._monitor_answers, "the Ceph monitor answers", deadline=30, process=monitor)

    def _start_osd(self) -> None:
        identity = str(uuid.uuid4())
        self._output("ceph", "osd", "new", identity, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
        osd = self._daemon("ceph-osd", "-i", "0", "-f")
        wait_until(self._osd_is_up, "the Ceph OSD is up", deadline=30, process=osd)

    def _start_gateway(self, swift_url: str | None) -> None:
        options = [f"--rgw-swift-url={swift_url}"] if swift_url else []
        self._gateway = self._daemon("radosgw", "-n", "client.rgw", "-f", *options)
        wait_until(self._gateway_answers, "the RADOS gateway answers", deadline=60, process=self._gateway)

    def _daemon(self, program: str, *arguments: str) -> Process:
        child = self._processes.start(program, [self._program(program), *arguments], env=self._env)
        child.stop_signal = signal.SIGKILL  # a graceful end takes two seconds and saves nothing
        return child

    def _program(self, name: str) -> Path:
        if self._tool.prefix is not None:
            return self._tool.beside(name)
        found = find_installed(name)
        if found is None:
            raise LabError(f"'radosgw' is installed here but '{name}' is not: install {', '.join(PACKAGES)} together")
        return found

    def _interpreter(self, program: str) -> list[Path]:
        """Returns the unpacked Python for the `ceph` command if the machine has no Debian Python."""
        has_launcher = versions.CEPH.selected()
        if program != "ceph" or has_launcher or self._tool.prefix is None or Path("/usr/bin/python3").exists():
            return []
        return [self._tool.prefix / "usr/bin/python3"]

    def _run(self, program: str, *arguments: str | Path) -> None:
        self._processes.run(f"{program}-setup", [self._program(program), *arguments], env=self._env)

    def _output(self, program: str, *arguments: str, timeout: float = 60) -> str:
        command: list[str | Path] = [*self._interpreter(program), self._program(program), *arguments]
        env = {**os.environ, **self._env}
        try:
            # Attributes of objects can be bytes that are no text.
            done = subprocess.run(
                command, env=env, capture_output=True, text=True, errors="replace", check=True, timeout=timeout
            )
        except subprocess.CalledProcessError as error:
            raise LabError(f"'{program} {' '.join(arguments[:2])}' failed:\n{error.stderr}") from error
        except subprocess.TimeoutExpired as error:
            raise LabError(f"'{program} {' '.join(arguments[:2])}' gave no answer in {timeout:g} s") from error
        return done.stdout

    def _monitor_answers(self) -> bool:
        try:
            return bool(self._output("ceph", "--connect-timeout", "5", "mon", "stat"))
        except LabError:
            return False

    def _osd_is_up(self) -> bool:
        return "1 up" in self._output("ceph", "osd", "stat")

    def _gateway_answers(self) -> bool:
        with closing(HTTPConnection(GATEWAY_HOST, self.rgw_port, timeout=5)) as connection:
            connection.request("GET", "/")
            return connection.getresponse().status == HTTPStatus.OK


def find_ceph() -> Tool:
    """Returns the gateway of the selected version, else the one of this machine or its release. Raises LabError."""
    version = versions.CEPH.selected()
    return suites.locate(SUITES[version], "radosgw", PACKAGES) if version else locate("radosgw", PACKAGES)


def _prefix_lines(prefix: Path | None) -> str:
    """Returns configuration lines with the plugin paths of an unpacked Ceph."""
    if prefix is None:
        return ""
    home = next(prefix.glob("usr/lib/*/ceph"))
    paths = {
        "plugin dir": home,
        "osd class dir": home.parent / "rados-classes",
        "erasure code dir": home / "erasure-code",
    }
    return "\n".join(f"{name} = {path}" for name, path in paths.items())


def _key(name: str, caps: dict[str, str]) -> str:
    """Returns a keyring entry with a new key in Ceph's encoding: type, creation time, length, secret."""
    key = struct.pack("<hiih", 1, int(time.time()), 0, KEY_BYTES) + secrets.token_bytes(KEY_BYTES)
    lines = [f"[{name}]", f"key = {base64.b64encode(key).decode()}"]
    return "\n".join([*lines, *(f'caps {service} = "{granted}"' for service, granted in caps.items())]) + "\n"
