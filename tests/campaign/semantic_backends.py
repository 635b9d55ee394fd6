"""Secrets, PostgreSQL, Redis and the object store that are not as the spec needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from harbor_operator.model.cache import Address, Mode
from tests.campaign.deployment import NAMESPACE
from tests.campaign.model import REMOVED
from tests.campaign.schema import Spec
from tests.campaign.secret_edits import SecretEdit, secret_cases
from tests.campaign.semantic import BASE, Change, SemanticCase, on
from tests.fakes.postgres import admin


def backend_cases() -> Iterator[SemanticCase]:
    """Yields the cases of every Secret and of every server that Harbor depends on."""
    yield from (*_secrets(), *_database(), *_cache(), *_storage())


def _secrets() -> Iterator[SemanticCase]:
    """Yields the cases of every Secret that the spec names."""
    for case in secret_cases(BASE):
        yield SemanticCase(case.name, (_edited(case.edit),), words=(case.edit.secret,), ready=case.ready)


def _edited(edit: SecretEdit) -> Change:
    def change(secret: Any) -> Any:
        values = edit.apply({key: value.get_secret_value() for key, value in secret.values.items()})
        if values is None:
            return REMOVED
        hidden = {key: SecretStr(value) for key, value in values.items()}
        return replace(secret, values=hidden, resource_version=f"{secret.resource_version}1")

    return Change(lambda servers: servers.kube.secrets, (NAMESPACE, edit.secret), change)


def _database() -> Iterator[SemanticCase]:
    def case(name: str, *words: str, ready: bool | None = False, **attributes: Any) -> SemanticCase:
        return SemanticCase(f"database: {name}", on("postgres", **attributes), words=words, ready=ready)

    yield case("down", "PostgreSQL", down=True)
    yield case("too old", "PostgreSQL", version=9)
    yield case("an admin without CREATEROLE", "CREATEROLE", admin=admin("CREATEDB"), ready=None)
    yield case("an admin without CREATEDB", "CREATEDB", admin=admin("CREATEROLE"), ready=None)
    yield case("few connections", "max_connections", max_connections=20, ready=None)
    yield case("another maintenance database", "maintenanceDatabase", "postgres", maintenance_database="defaultdb")
    yield case("locked", "registry", locked=True, ready=None)
    owner = Change(
        lambda servers: servers.postgres.databases, "registry", lambda database: replace(database, owner="bob")
    )
    yield SemanticCase("database: another owner", (owner,), words=("registry", "bob"))
    public = Change(
        lambda servers: servers.postgres.databases,
        "registry",
        lambda database: replace(database, is_open_to_public=True),
    )
    yield SemanticCase("database: open to every role", (public,), ready=True)
    gone = Change(lambda servers: servers.postgres.databases, "registry", REMOVED)
    yield SemanticCase("database: dropped", (gone,), words=("registry",), ready=None)
    for host in ("other.example.com", "fd00::9", "10.0.0.1"):
        yield SemanticCase(f"database: host {host}", spec={"database": {"host": host}}, words=(host,), ready=None)
    for limit in (10, 10000):
        yield SemanticCase(f"database: limit {limit}", spec={"database": {"connectionLimit": limit}}, ready=None)
    for mode in ("disable", "require", "verify-ca"):
        yield SemanticCase(f"database: TLS {mode}", spec={"database": {"sslMode": mode}}, ready=True)


def _cache() -> Iterator[SemanticCase]:
    address = Address("redis.example.com", 6379)

    def node(name: str, *words: str, ready: bool | None = False, **observed: Any) -> SemanticCase:
        change = Change(
            lambda servers: servers.redis.nodes,
            address,
            lambda found: replace(found, observed=replace(found.observed, **observed)),
        )
        return SemanticCase(f"cache: {name}", (change,), words=words, ready=ready)

    yield SemanticCase(
        "cache: down", (Change(lambda servers: servers.redis.nodes, address, REMOVED),), words=("redis.example.com",)
    )
    yield node("a replica", "redis.example.com", is_primary=False, primary="other:6379")
    yield node("a cluster", "redis.example.com", "Cluster", mode=Mode.CLUSTER)
    yield node("a Sentinel", "redis.example.com", "Sentinel", mode=Mode.SENTINEL)
    yield node("few databases", "databases", has_enough_databases=False)
    yield node("an eviction policy", "evict", "maxmemory", eviction="allkeys-lru", ready=None)
    yield node("no users", "username", "ACL", has_users=False, ready=None)
    for field_name in ("tls", "username", "caSecretRef"):
        changes = {field_name: None, **({"caSecretRef": None} if field_name == "tls" else {})}
        yield SemanticCase(f"cache: no {field_name}", spec={"cache": changes}, ready=None, words=("redis",))
    yield SemanticCase("cache: the one of the chart", spec={"cache": None}, ready=True)


def _storage() -> Iterator[SemanticCase]:
    def store(name: str, *words: str, ready: bool | None = False, **attributes: Any) -> SemanticCase:
        return SemanticCase(f"storage: {name}", on("swift", **attributes), words=words, ready=ready)

    yield store("down", "object store", "answer", down=True, ready=None)
    yield store("a small body limit", "body", body_limit=1 << 20, ready=None)
    yield store("no room", "quota", room=0, ready=None)
    yield store("another storage URL", "X-Storage-Url", storage_url="https://other.example.com/swift/v1", ready=None)
    yield SemanticCase("storage: the admin API is down", on("rgw", down=True), words=("RGW",), ready=None)
    powerless = Change(lambda servers: servers.rgw, "powerless", {"access"})
    yield SemanticCase("storage: an admin without capability", (powerless,), words=("RGW", "rgw"), ready=None)
    suspended = Change(lambda servers: servers.rgw.users, "harbor", lambda user: replace(user, suspended=True))
    yield SemanticCase("storage: a suspended user", (suspended,), words=("harbor",), ready=None)
    gone = Change(lambda servers: servers.swift.containers, "harbor", REMOVED)
    yield SemanticCase("storage: the container is gone", (gone,), words=("harbor",), ready=None)
    foreign = Change(lambda servers: servers.swift.owners, "harbor", "bob")
    yield SemanticCase("storage: the container of another user", (foreign,), words=("harbor",), ready=None)
    for size in (1, 5000):
        yield SemanticCase(
            f"storage: {size} MiB", spec={"storage": {"swift": {"chunkSizeMiB": size}}}, ready=None, words=("MiB",)
        )
    for quota in (1, 100, None):
        changes: Spec = {"storage": {"swift": {"provision": {"quotaGiB": quota}}}}
        yield SemanticCase(f"storage: quota {quota}", spec=changes, ready=True)
