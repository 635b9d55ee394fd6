"""Redis, Valkey and Sentinel: addresses, observed servers, and what Harbor requires of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from harbor_operator.api.addresses import join_host_port, split_host_port


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, as `spec.cache.addresses` writes them."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Returns the address in 'host:port'; an IPv6 address may be in brackets."""
        return cls(*split_host_port(text))

    @property
    def text(self) -> str:
        """The address as 'host:port', with brackets around an IPv6 address."""
        return join_host_port(self.host, self.port)


class Mode(StrEnum):
    """What kind of server answers."""

    STANDALONE = "standalone"
    CLUSTER = "cluster"
    SENTINEL = "sentinel"


@dataclass(frozen=True, slots=True)
class ObservedCache:
    """A server as observed.

    `product` is its name and version, `primary` the 'host:port' that a replica replicates, `eviction` the value of
    `maxmemory-policy`, `has_users` whether a login can name an ACL user (Redis 6 and later).
    """

    product: str
    mode: Mode = Mode.STANDALONE
    is_primary: bool = True
    primary: str = ""
    has_enough_databases: bool = True
    eviction: str = "noeviction"
    has_users: bool = True


@dataclass(frozen=True, slots=True)
class ObservedSentinel:
    """A Sentinel as observed; `is_sentinel` is False for any other server, `master` None for an unknown master set."""

    is_sentinel: bool = True
    requires_password: bool = False
    master: Address | None = None


REQUIRED_DATABASES = 8
"""Harbor uses the indexes 0 to 7: core, jobservice, registry, trivy, and two that newer charts offer."""


@dataclass(frozen=True, slots=True)
class DesiredCache:
    """The address of the primary, or those of the Sentinels and the name of the master set that they watch."""

    addresses: tuple[Address, ...]
    sentinel_master: str
    tls: bool

    @property
    def is_sentinel(self) -> bool:
        """Whether the addresses are those of Sentinels."""
        return bool(self.sentinel_master)


@dataclass(frozen=True, slots=True)
class RedisLogin:
    """The login and the transport for a Redis.

    `origin` names the Secret and the field of the spec, for messages; `username` is empty for the default user; `ca` is
    a PEM bundle, empty for the system's authorities.
    """

    password: SecretStr | None = None
    tls: bool = False
    origin: str = "`spec.cache.passwordSecretRef`"
    username: str = ""
    ca: str = ""
