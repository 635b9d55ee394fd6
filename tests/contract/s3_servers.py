"""S3 servers for the contract tests: a fake, Ceph's gateway and the Versity gateway, each with two users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.api.base import AccessKeyRef
from harbor_operator.model.s3 import Bucket, DesiredS3, S3Account, WriteOptions
from harbor_operator.model.storage import S3_SPEC, StoragePlace
from harbor_operator.ports.s3_store import S3Store
from lab.certs import Authority
from lab.nginx import Front, Site
from lab.process import Processes
from lab.versitygw import VersityGateway
from tests.contract.gateway import KMS_KEY, Gateway
from tests.fakes.s3_store import FakeS3Store

MIB = 1 << 20
NO_OPTIONS = WriteOptions()
KEY_OPTIONS = WriteOptions(encrypts=True, kms_key_id=KMS_KEY)


@dataclass
class S3Fixture:
    """A store, an account with a bucket of its own name, and what a test may do to the store."""

    store: S3Store
    account: S3Account
    limit_bodies: Callable[[int | None], None]
    fake: FakeS3Store | None = None
    checks_region: bool = False
    options: WriteOptions = NO_OPTIONS

    async def bucket(self) -> Bucket:
        bucket = self.absent_bucket()
        await self.store.create_bucket(bucket)
        return bucket

    def absent_bucket(self) -> Bucket:
        return Bucket(self.account, f"b-{uuid4().hex[:12]}", self.options)


def fake_server() -> S3Fixture:
    fake = FakeS3Store({"ACCESS": SecretStr("secret")})

    def limit(mib: int | None) -> None:
        fake.body_limit = None if mib is None else mib * MIB

    account = S3Account("https://s3.example.com", "us-east-1", "ACCESS", SecretStr("secret"), "s3")
    return S3Fixture(fake, account, limit, fake)


def rgw_account(gateway: Gateway, uid: str = "") -> S3Account:
    """Keys of a new RGW user, behind the front that keeps the Host header."""
    uid = uid or f"u{uuid4().hex[:8]}"
    keys = gateway.ceph.admin("user", "create", f"--uid={uid}", f"--display-name={uid}")["keys"][0]
    secret, pem = SecretStr(keys["secret_key"]), gateway.authority.ca_pem
    return S3Account(gateway.admin_front.url, "us-east-1", keys["access_key"], secret, "s3", pem, "s3-ca")


def rgw_server(gateway: Gateway) -> S3Fixture:
    def limit(mib: int | None) -> None:
        gateway.admin_front.reconfigure(max_body=f"{mib}m" if mib else "0")

    return S3Fixture(HttpS3Store(), rgw_account(gateway), limit)


@dataclass
class Versity:
    """The Versity gateway behind a front with TLS."""

    gateway: VersityGateway
    front: Front
    authority: Authority

    @property
    def account(self) -> S3Account:
        keys = self.gateway.access_key, SecretStr(self.gateway.secret_key)
        return S3Account(self.front.url, self.gateway.region, *keys, "s3", self.authority.ca_pem, "s3-ca")

    def server(self) -> S3Fixture:
        def limit(mib: int | None) -> None:
            self.front.reconfigure(max_body=f"{mib}m" if mib else "0")

        return S3Fixture(HttpS3Store(), self.account, limit, checks_region=True)


@contextmanager
def versity_running(directory: Path) -> Iterator[Versity]:
    """The gateway; all processes end with the context."""
    processes = Processes(directory / "log")
    authority = Authority.create(directory / "certs")
    try:
        gateway = VersityGateway.start(directory / "versity", processes)
        site = Site(gateway.url, host_header="$http_host")
        yield Versity(gateway, Front.start(directory / "front", processes, authority, site), authority)
    finally:
        processes.stop_all()


def with_keys(bucket: Bucket, **changes: object) -> Bucket:
    """The bucket as addressed with other keys, another region or endpoint."""
    return replace(bucket, account=replace(bucket.account, **changes))  # type: ignore[arg-type]


def with_key(bucket: Bucket, key: str = KMS_KEY) -> Bucket:
    """The bucket with encryption by the store, with a key of its key management if one is named."""
    return replace(bucket, options=WriteOptions(encrypts=True, kms_key_id=key))


def encryption_of(gateway: Gateway, bucket: Bucket) -> dict[str, str]:
    """Returns by object what the gateway itself says of its encryption; '' = not encrypted."""
    names = [stored.name for stored in gateway.ceph.objects(bucket.name)]
    found = [gateway.ceph.admin("object", "stat", f"--bucket={bucket.name}", f"--object={name}") for name in names]
    modes = [str(stat["attrs"].get("user.rgw.crypt.mode", "")).rstrip("\0") for stat in found]
    return dict(zip(names, modes, strict=True))


def desired_bucket(bucket: Bucket, *, redirect: bool = False) -> DesiredS3:
    """The bucket as a spec asks for it, with a folder and the smallest chunks."""
    account = bucket.account
    place = StoragePlace(S3_SPEC, "bucket", bucket.name, "images/harbor-operator/proof", adopts=False)
    keys = AccessKeyRef(name="s3")
    return DesiredS3(
        account.endpoint, account.region, bucket.name, "images/", keys, None, 5 * MIB, bucket.options, redirect, place
    )
