"""Ports with which a step checks as it does in the operator, and leaves nothing behind.

Reads are real. Secrets are written in memory only. A change of PostgreSQL or RGW ends the step with WouldChange: all
checks before it have passed. The objects of the storage probe are real, and `clean` removes what is left of them.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any, NoReturn, cast

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.kubectl.cluster import Cluster, Manifest
from harbor_operator.kubectl.errors import RequestError
from harbor_operator.kubectl.registries import path_of
from harbor_operator.model.database import ObservedLogin, ObservedServer, PostgresLogin, PostgresServer
from harbor_operator.model.database_changes import Change
from harbor_operator.model.kubernetes import OPAQUE, StoredSecret
from harbor_operator.model.s3 import Bucket
from harbor_operator.model.storage import Container, RgwEndpoint, RgwUser, SwiftAccount, SwiftSession
from harbor_operator.plan.storage import PROBE_PREFIX, PROOF_DIGEST, PROOF_OBJECT
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.postgres import Postgres, PostgresSession
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.reasons import Reason

MAX_PROBE_OBJECTS = 1000
_DATABASE = "the checks passed; the operator would now create or change the role and databases"
_RGW = "the checks passed; the operator would now create or change the user in Ceph RGW, so the store was not probed"


class WouldChange(Exception):  # noqa: N818 - where a step ends, not an error
    """The step would now change a server; the message says what has passed."""


async def find_object(cluster: Cluster, path: str, **query: str) -> Manifest | None:
    """Returns the object or list at the path, or None; raises Refused(RIGHTS_MISSING) and Unavailable as a port."""
    try:
        return await asyncio.to_thread(cluster.find, path, **query)
    except RequestError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            raise Refused(Reason.RIGHTS_MISSING, str(error)) from None
        raise Unavailable(str(error)) from None


class _Resources:
    """The part of NamespaceResources that the checked steps use."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._written: dict[tuple[str, str], StoredSecret] = {}

    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        if written := self._written.get((namespace, name)):
            return written
        found = await find_object(self._cluster, f"/api/v1/namespaces/{namespace}/secrets/{name}")
        return stored_secret(found) if found else None

    async def ensure_secret(
        self, namespace: str, name: str, make: Callable[[], Mapping[str, SecretStr]], owner: Mapping[str, str]
    ) -> StoredSecret:
        found = await self.read_secret(namespace, name)
        return await self.apply_secret(namespace, name, {**make(), **(found.values if found else {})}, owner)

    async def apply_secret(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        secret_type: str = OPAQUE,
    ) -> StoredSecret:
        self._written[namespace, name] = StoredSecret(name, values, owner, {}, "", type=secret_type)
        return self._written[namespace, name]

    async def read_registries(self) -> list[Manifest]:
        found = await find_object(self._cluster, path_of(""))
        return list(found["items"]) if found else []


class DryRunPostgres(Postgres):
    """A PostgreSQL server that nothing is changed in; `has_database` is False before the operator has created ours."""

    def __init__(self, postgres: Postgres, *, has_database: bool = True) -> None:
        self._postgres = postgres
        self._has_database = has_database

    @override
    @asynccontextmanager
    async def session(self, server: PostgresServer, admin: PostgresLogin) -> AsyncIterator[PostgresSession]:
        async with self._postgres.session(server, admin) as session:
            yield _DryRunSession(session)

    @override
    async def try_login(self, server: PostgresServer, login: PostgresLogin, database: str) -> ObservedLogin:
        return await self._postgres.try_login(server, login, database)

    @override
    async def has_harbor_tables(self, server: PostgresServer, login: PostgresLogin, database: str) -> bool:
        return self._has_database and await self._postgres.has_harbor_tables(server, login, database)


class _DryRunSession(PostgresSession):
    def __init__(self, session: PostgresSession) -> None:
        self._session = session

    @override
    async def read(self, role: str, databases: Sequence[str]) -> ObservedServer:
        return await self._session.read(role, databases)

    @override
    async def lock(self) -> bool:
        raise WouldChange(_DATABASE)

    @override
    async def apply(self, changes: Sequence[Change]) -> None:
        raise WouldChange(_DATABASE)


class _Rgw:
    """RGW's Admin API that nothing is changed in."""

    def __init__(self, rgw: RgwAdmin) -> None:
        self._rgw = rgw

    async def read_user(self, endpoint: RgwEndpoint, uid: str) -> RgwUser | None:
        return await self._rgw.read_user(endpoint, uid)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _would_provision


async def _would_provision(*_: object) -> NoReturn:
    raise WouldChange(_RGW)


class _Images:
    """The test image that nothing is stored of."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _would_prove


async def _would_prove(*_: object) -> NoReturn:
    raise WouldChange("the checks passed; the operator would now prove the storage with a test image")


class ProbedSwift:
    """A Swift store in which the probe runs always, in a temporary container if there is none yet; no mark is set."""

    def __init__(self, store: ObjectStore, suffix: str) -> None:
        self._store = store
        self._suffix = suffix
        self._temporary: dict[str, Container] = {}
        self._written: dict[str, Container] = {}

    @property
    def port(self) -> ObjectStore:
        """The store as the step uses it."""
        return cast("ObjectStore", self)

    async def login(self, account: SwiftAccount) -> SwiftSession:
        """Returns the session of the step."""
        return await self._store.login(account)

    async def ensure_container(self, at: Container) -> None:
        """Creates a temporary container, which later calls use instead of the one that is missing."""
        temporary = replace(at, name=f"{at.name}-doctor-{self._suffix}")
        self._temporary[at.name] = temporary
        await self._store.ensure_container(temporary)

    async def read_metadata(self, at: Container, name: str) -> Mapping[str, str] | None:
        """Returns the mark as one whose probe is out of date."""
        found = await self._store.read_metadata(self._place(at), name)
        return _without_digest(found)

    async def write_object(self, at: Container, name: str, body: bytes, object_metadata: Mapping[str, str]) -> None:
        """Writes an object of the probe; a mark is not written."""
        if name != PROOF_OBJECT:
            self._written[at.name] = self._place(at)
            await self._store.write_object(self._place(at), name, body, object_metadata)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(at: Container, *arguments: object) -> object:
            return await getattr(self._store, name)(self._place(at), *arguments)

        return call

    async def clean(self) -> None:
        """Removes the objects of the probe and the temporary container; Unavailable if an object has come since."""
        for at in self._written.values():
            left = await self._store.list_objects(at, PROBE_PREFIX, MAX_PROBE_OBJECTS)
            await self._store.remove_objects(at, left)
        for at in self._temporary.values():
            if not await self._store.remove_container(at):
                raise Unavailable(f"container '{at.name}' is not empty")

    def _place(self, at: Container) -> Container:
        return self._temporary.get(at.name, at)


class ProbedS3:
    """An S3 store in which the probe runs always; no mark is set."""

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._written: dict[str, Bucket] = {}

    @property
    def port(self) -> S3Store:
        """The S3 store that the step gets."""
        return cast("S3Store", self)

    async def create_bucket(self, _bucket: Bucket) -> None:
        """Ends the step: only a bucket that exists is probed."""
        raise WouldChange("the checks passed; the operator would now create the bucket, so the store was not probed")

    async def read_metadata(self, bucket: Bucket, key: str) -> Mapping[str, str] | None:
        """Returns the mark of the bucket as one whose probe is out of date."""
        return _without_digest(await self._store.read_metadata(bucket, key))

    async def write_object(self, bucket: Bucket, key: str, body: bytes, object_metadata: Mapping[str, str]) -> None:
        """Writes an object of the probe into the bucket; a mark is not written."""
        if not key.endswith(PROOF_OBJECT):
            self._written[key.partition(PROBE_PREFIX)[0] + PROBE_PREFIX] = bucket
            await self._store.write_object(bucket, key, body, object_metadata)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return cast("Callable[..., Any]", getattr(self._store, name))

    async def clean(self) -> None:
        """Removes the objects and the unfinished uploads of the probe."""
        for prefix, bucket in self._written.items():
            for upload in await self._store.list_uploads(bucket, prefix):
                await self._store.abort_upload(bucket, upload)
            left = await self._store.list_objects(bucket, prefix, MAX_PROBE_OBJECTS)
            await self._store.remove_objects(bucket, left)


def dry_run_resources(cluster: Cluster) -> NamespaceResources:
    """Returns the Secrets and registries of a cluster; a Secret that a step writes exists in memory only."""
    return cast("NamespaceResources", _Resources(cluster))


def dry_run_rgw(rgw: RgwAdmin) -> RgwAdmin:
    """Returns RGW's Admin API; a call that changes it raises WouldChange."""
    return cast("RgwAdmin", _Rgw(rgw))


def dry_run_images() -> ImageProof:
    """Returns a proof by a test image whose first call raises WouldChange."""
    return cast("ImageProof", _Images())


def _without_digest(mark: Mapping[str, str] | None) -> Mapping[str, str] | None:
    # So that the step probes the store again, whatever a probe found before.
    return mark and {key: value for key, value in mark.items() if key != PROOF_DIGEST}


def stored_secret(secret: Manifest) -> StoredSecret:
    """Returns a Secret of the API with decoded values."""
    metadata = secret["metadata"]
    values = {
        key: base64.b64decode(value).decode(errors="replace") for key, value in (secret.get("data") or {}).items()
    }
    return StoredSecret(
        metadata["name"],
        {key: SecretStr(value) for key, value in values.items()},
        metadata.get("labels") or {},
        metadata.get("annotations") or {},
        metadata["resourceVersion"],
        type=secret.get("type") or OPAQUE,
    )
