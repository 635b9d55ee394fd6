"""A container and a bucket on a real gateway, as the spec names them and as a registry writes images into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.model.storage import Container, SwiftAccount


class ImagePlace(Protocol):
    """Where one registry stores its images; `secrets` are the Secrets that its section of the spec names."""

    @property
    def secrets(self) -> dict[str, dict[str, str]]: ...
    def section(self, **more: Any) -> dict[str, Any]: ...
    async def prepare(self) -> None: ...
    async def put_image(self) -> None: ...
    async def images(self) -> Sequence[str]: ...


class SwiftPlace:
    """A container, which the operator creates."""

    def __init__(self, account: SwiftAccount, name: str) -> None:
        self._account = account
        self._name = name
        self._store = SwiftObjectStore()
        self.secrets = {
            "swift": {"username": account.username, "password": account.password.get_secret_value()},
            "s3-ca": {"ca.crt": account.ca_pem or ""},
        }

    def section(self, **more: Any) -> dict[str, Any]:
        login, ca = {"name": "swift"}, {"name": "s3-ca"}
        where = {"authURL": self._account.auth_url, "container": self._name}
        return {"swift": {**where, "credentialsSecretRef": login, "caSecretRef": ca, "chunkSizeMiB": 2, **more}}

    async def prepare(self) -> None:
        """Nothing exists yet."""

    async def put_image(self) -> None:
        await self._store.write_object(await self._at(), "files/docker/registry/v2/blob", b"layer", {})

    async def images(self) -> Sequence[str]:
        at = await self._at()
        return await self._store.list_objects(at, "files/", 10) if await self._store.read_container(at) else []

    async def _at(self) -> Container:
        return Container(await self._store.login(self._account), self._name)


class S3Place:
    """A bucket, which exists before the registry."""

    def __init__(self, account: S3Account, name: str) -> None:
        self._bucket = Bucket(account, name)
        self._store = HttpS3Store()
        keys = {"accessKey": account.access_key, "secretKey": account.secret_key.get_secret_value()}
        self.secrets = {"s3": keys, "s3-ca": {"ca.crt": account.ca_pem or ""}}

    def section(self, **more: Any) -> dict[str, Any]:
        login, ca = {"name": "s3"}, {"name": "s3-ca"}
        where = {"endpoint": self._bucket.account.endpoint, "bucket": self._bucket.name}
        return {"s3": {**where, "credentialsSecretRef": login, "caSecretRef": ca, "chunkSizeMiB": 5, **more}}

    async def prepare(self) -> None:
        await self._store.create_bucket(self._bucket)

    async def put_image(self) -> None:
        await self._store.write_object(self._bucket, "docker/registry/v2/blob", b"layer", {})

    async def images(self) -> Sequence[str]:
        return await self._store.list_objects(self._bucket, "docker/registry/v2/", 10)
