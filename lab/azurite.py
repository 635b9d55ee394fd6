"""Azure Blob Storage: Azurite, the emulator of its maker, over TLS, with one account.

The account is the first label of the host name, as in Azure: `https://ACCOUNT.blob.REALM`.
"""

from __future__ import annotations

import secrets
import shutil
import socket
from base64 import b64encode
from typing import TYPE_CHECKING

from lab.addresses import HOST
from lab.debian import locate
from lab.packages import azurite
from lab.process import free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.certs import Authority
    from lab.process import Process, Processes

ACCOUNT = "images"
DOMAIN = "azure.lab.example"
KEY_BYTES = 64


def new_key() -> str:
    """Returns a random key of a storage account, as Azure shows it."""
    return b64encode(secrets.token_bytes(KEY_BYTES)).decode()


class Azurite:
    """A running server, whose `host` only a resolver of the test knows; `key` is the key of its account."""

    account = ACCOUNT

    def __init__(self, directory: Path, processes: Processes, authority: Authority) -> None:
        self.host = f"{ACCOUNT}.blob.{DOMAIN}"
        self.key = new_key()
        self._port = free_port()
        self._directory = directory
        self._processes = processes
        self._issued = authority.issue("azurite", hosts=(self.host,))
        self._process: Process | None = None

    @classmethod
    def start(cls, directory: Path, processes: Processes, authority: Authority) -> Azurite:
        """Starts the server without containers. Raises LabError without npm or Node.js."""
        server = cls(directory, processes, authority)
        server._restart()
        return server

    @property
    def realm(self) -> str:
        """What follows `ACCOUNT.blob.` in the address, with the port."""
        return f"{DOMAIN}:{self._port}"

    @property
    def log(self) -> Path:
        """The access log."""
        return self._processes.log_dir / "azurite.log"

    def use_key(self, key: str) -> None:
        """Starts the server again with another key of the account; its containers stay."""
        self.key = key
        self._restart()

    def lose_containers(self) -> None:
        """Starts the server again without its containers."""
        if self._process is not None:
            self._process.stop()
        shutil.rmtree(self._directory)
        self._restart()

    def _restart(self) -> None:
        if self._process is not None:
            self._process.stop()
        files: list[str | Path] = ["--cert", self._issued.cert_path, "--key", self._issued.key_path]
        where: list[str | Path] = ["--blobHost", HOST, "--blobPort", str(self._port), "--location", self._directory]
        node, main = locate("node", ["nodejs"]), azurite().path
        argv: list[str | Path] = [node.path, main, *where, *files, "--disableTelemetry"]
        env = {**node.env, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{self.key}"}
        self._process = self._processes.start("azurite", argv, env=env)
        wait_until(self._listens, "Azurite listens", deadline=60, process=self._process)

    def _listens(self) -> bool:
        with socket.create_connection((HOST, self._port), timeout=5):
            return True
