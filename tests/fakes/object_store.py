"""A Swift store in memory that answers as RGW does, with a proxy before it that may limit bodies; counts its PUTs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from http import HTTPStatus
from typing import NoReturn

from pydantic import SecretStr

from harbor_operator.checks.storage import explain_store_error
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import (
    Container,
    ContainerUsage,
    ObjectPart,
    Operation,
    StoredObject,
    StoreError,
    SwiftAccount,
    SwiftSession,
)
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@dataclass
class Stored:
    """An object: its content or, for filler, its size; `joined` is the prefix whose objects make its content."""

    body: bytes = b""
    size: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    joined: str = ""
    changed_at: datetime = NOW


class FakeObjectStore:
    """One store; `logins` are its users and keys, and may be shared with a fake of the admin API."""

    def __init__(self, logins: dict[str, str] | None = None) -> None:
        self.logins = {} if logins is None else logins
        self.storage_url = "https://s3.example.com/swift/v1"
        self.containers: dict[str, dict[str, Stored]] = {}
        self.owners: dict[str, str] = {}
        self.body_limit: int | None = None
        self.room: int | None = None
        self.down = False
        self.lagging_listings = False
        self.sessions: list[str] = []
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.max_reads = 1000
        self.on_generated: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def persistent(self) -> AsyncIterator[FakeObjectStore]:
        self.sessions.append("begun")
        try:
            yield self
        finally:
            self.sessions.append("ended")

    async def login(self, account: SwiftAccount) -> SwiftSession:
        self._answer()
        known = self.logins.get(account.username)
        if known is None:
            self._deny(
                StoreError(Operation.LOGIN, HTTPStatus.FORBIDDEN, account.auth_url, account.username, account.secret)
            )
        if known != account.password.get_secret_value():
            self._deny(
                StoreError(Operation.LOGIN, HTTPStatus.UNAUTHORIZED, account.auth_url, account.username, account.secret)
            )
        return SwiftSession(account, self.storage_url, SecretStr("token"))

    async def read_container(self, container: Container) -> ContainerUsage | None:
        self._answer()
        if container.name not in self.containers:
            return None
        self._check_owner(container, HTTPStatus.FORBIDDEN)
        held = self.containers[container.name].values()
        return ContainerUsage(len(held), sum(stored.size for stored in held))

    async def ensure_container(self, container: Container) -> None:
        self._answer()
        if container.name.startswith("."):
            self._deny(_operation_error(container, Operation.CONTAINER, HTTPStatus.BAD_REQUEST, "InvalidBucketName"))
        self._check_owner(container, HTTPStatus.CONFLICT)
        self.writes.append(f"container {container.name}")
        self.containers.setdefault(container.name, {})
        self.owners.setdefault(container.name, _uid(container))

    async def remove_container(self, container: Container) -> bool:
        self._answer()
        if self.containers.get(container.name):
            return False
        self.writes.append(f"remove container {container.name}")
        self.containers.pop(container.name, None)
        self.owners.pop(container.name, None)
        return True

    async def read_metadata(self, container: Container, name: str) -> Mapping[str, str] | None:
        self._answer()
        found = self.containers.get(container.name, {}).get(name)
        return found.metadata if found else None

    async def write_object(
        self, container: Container, name: str, body: bytes, object_metadata: Mapping[str, str]
    ) -> None:
        self._put(container, name, Stored(body, len(body), object_metadata))

    async def write_joined(self, container: Container, name: str, prefix: str) -> None:
        self._put(container, name, Stored(joined=prefix))

    async def write_generated(self, container: Container, name: str, size: int) -> None:
        self._put(container, name, Stored(size=size))
        self.on_generated()

    async def read_object(self, container: Container, name: str) -> bytes:
        self._answer()
        objects = self.containers.get(container.name, {})
        if name not in objects:
            self._deny(_operation_error(container, Operation.READ, HTTPStatus.NOT_FOUND, "NoSuchKey"))
        found = objects[name]
        if found.joined:
            return b"".join(objects[part].body for part in sorted(objects) if part.startswith(found.joined))
        return found.body

    async def read_range(self, container: Container, name: str, offset: int, size: int) -> ObjectPart | None:
        if name not in self.containers.get(container.name, {}):
            self._answer()
            return None
        self.reads.append(f"range {name}")
        body = await self.read_object(container, name)
        return ObjectPart(body[offset : offset + size], max(offset, len(body)))

    async def list_objects(self, container: Container, prefix: str, limit: int) -> Sequence[str]:
        self._answer()
        if self.lagging_listings:
            return []
        if container.name not in self.containers:
            self._deny(_operation_error(container, Operation.LIST, HTTPStatus.NOT_FOUND, "NoSuchBucket"))
        return [name for name in sorted(self.containers[container.name]) if name.startswith(prefix)][:limit]

    async def list_sizes(self, container: Container, prefix: str, after: str, limit: int) -> Sequence[StoredObject]:
        names = await self.list_objects(container, prefix, len(self.containers[container.name]))
        held = self.containers[container.name]
        return [
            StoredObject(name, held[name].size, held[name].changed_at, _digest(held[name].body))
            for name in names
            if name > after
        ][:limit]

    async def find_without_segments(self, container: Container, names: Sequence[str]) -> Mapping[str, bool]:
        self._answer()
        held = self.containers[container.name]
        self.reads += names
        return {name: self._lacks_segments(held, name) for name in names[: self.max_reads]}

    def _lacks_segments(self, held: Mapping[str, Stored], name: str) -> bool:
        joined = held[name].joined if name in held else ""
        return bool(joined) and not any(other.startswith(joined) for other in held)

    async def remove_objects(self, container: Container, names: Sequence[str]) -> None:
        self._answer()
        for name in names:
            self.containers.get(container.name, {}).pop(name, None)
            self.writes.append(f"remove {name}")

    def _put(self, container: Container, name: str, stored: Stored) -> None:
        self._answer()
        if self.body_limit is not None and stored.size > self.body_limit:
            error = _operation_error(container, Operation.WRITE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, size=stored.size)
            self._deny(error)
        if container.name not in self.containers:
            self._deny(_operation_error(container, Operation.WRITE, HTTPStatus.NOT_FOUND, "NoSuchBucket"))
        used = sum(other.size for other in self.containers[container.name].values())
        if self.room is not None and used + stored.size > self.room:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self._deny(_operation_error(container, Operation.WRITE, status, "QuotaExceeded", size=stored.size))
        self.writes.append(f"put {name}")
        self.containers[container.name][name] = stored

    def _check_owner(self, container: Container, status: HTTPStatus) -> None:
        if self.owners.get(container.name, _uid(container)) != _uid(container):
            self._deny(_operation_error(container, Operation.CONTAINER, status))

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("the object store does not answer", Reason.STORAGE_UNREACHABLE)

    def _deny(self, error: StoreError) -> NoReturn:
        finding = explain_store_error(error)
        assert isinstance(finding, Blocked)
        raise Refused(finding.reason, finding.message)


def _uid(container: Container) -> str:
    return container.session.account.username.partition(":")[0]


def _operation_error(
    container: Container, operation: Operation, status: HTTPStatus, code: str = "", size: int = 0
) -> StoreError:
    account = container.session.account
    url = f"{container.session.storage_url}/{container.name}"
    return StoreError(operation, status, url, account.username, account.secret, code, from_store=bool(code), size=size)


def _digest(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()
