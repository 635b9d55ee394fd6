"""An S3 server beside Ceph: the Versity gateway on a directory, which checks region, signature and digest.

Its users are accounts in a file. Versions and Object Lock work per bucket.
"""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from lab.gotools import program
from lab.process import Processes, free_port, wait_until

if TYPE_CHECKING:
    from lab.process import Process

HOST = "127.0.0.1"
REGION = "lab-1"
ACCESS_KEY = "LABACCESSKEY00000001"
SECRET_KEY = "labSecretKey0123456789labSecretKey012345"


class VersityGateway:
    """A running gateway; `url` is its endpoint."""

    access_key = ACCESS_KEY
    secret_key = SECRET_KEY
    region = REGION

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._port = port

    @classmethod
    def start(cls, directory: Path, processes: Processes) -> VersityGateway:
        """Starts the gateway without buckets; the directory must be on a file system with extended attributes."""
        data, versions = directory / "data", directory / "versions"
        for folder in (data, versions):
            folder.mkdir(parents=True)
        port = free_port()
        argv: list[str | Path] = [program("versitygw"), "--port", f"{HOST}:{port}", "--region", REGION, "--quiet"]
        argv += ["posix", "--versioning-dir", versions, data]
        env = {"ROOT_ACCESS_KEY_ID": ACCESS_KEY, "ROOT_SECRET_ACCESS_KEY": SECRET_KEY}
        gateway = cls(port)
        process: Process = processes.start("versitygw", argv, env=env)
        wait_until(gateway._answers, "the Versity gateway answers", deadline=20, process=process, interval=0.02)
        return gateway

    def _answers(self) -> bool:
        with closing(HTTPConnection(HOST, self._port, timeout=5)) as connection:
            connection.request("GET", "/")
            return connection.getresponse().status > 0
