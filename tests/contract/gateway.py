"""A real RADOS gateway behind a real front with TLS, for the contract tests of storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from harbor_operator.model.storage import RgwEndpoint, SwiftAccount
from lab.addresses import NAMES, join
from lab.ceph import Ceph
from lab.ceph_keys import key_lines
from lab.certs import Authority
from lab.nginx import Front, Site
from lab.process import Processes, free_port

KEY = "Kontrakt0Kontrakt1"
KMS_KEY = "images-key"
"""An encryption key of a gateway that runs `with_keys`."""


@dataclass
class Gateway:
    """Ceph, its fronts, and the authority of their certificates."""

    ceph: Ceph
    front: Front
    authority: Authority
    admin_front: Front
    """Keeps the Host header, because it is part of the signature of the admin API's requests."""

    @property
    def auth_url(self) -> str:
        return f"{self.front.url}/auth/v1.0"

    def account(self, username: str, key: str = KEY) -> SwiftAccount:
        return SwiftAccount(self.auth_url, username, SecretStr(key), "swift", self.authority.ca_pem, "s3-ca")

    def endpoint(self) -> RgwEndpoint:
        secret = SecretStr(self.ceph.admin_secret_key)
        return RgwEndpoint(self.ceph.rgw_url, self.ceph.admin_access_key, secret, "rgw-admin")

    def announce_front(self) -> None:
        """Restart the gateway with the URL of its front."""
        self.ceph.restart_rgw(self.front.url)

    def announce_nothing(self) -> None:
        """Restart the gateway without the URL of its front."""
        self.ceph.restart_rgw(None)


@contextmanager
def running(directory: Path, *, with_keys: bool = False) -> Iterator[Gateway]:
    """A gateway that announces its front's URL, and can encrypt `with_keys`; all processes end with the context."""
    processes = Processes(directory / "log")
    authority = Authority.create(directory / "certs")
    try:
        port = free_port()
        lines = key_lines(KMS_KEY) if with_keys else ""
        swift_url = f"https://{join(NAMES[0], port)}"
        ceph = Ceph.start(directory / "ceph", processes, swift_url=swift_url, gateway_lines=lines)
        front = Front.start(directory / "front", processes, authority, Site(ceph.rgw_url), port=port)
        straight = Site(ceph.rgw_url, host_header="$http_host")
        admin_front = Front.start(directory / "admin-front", processes, authority, straight)
        yield Gateway(ceph, front, authority, admin_front)
    finally:
        processes.stop_all()
