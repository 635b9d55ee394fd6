"""The Helm release: desired and observed, the Secrets behind it, and its chart values."""

# ruff: noqa: S105 - these are the names of keys, not what they hold
from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Progress:
    """A run that has not ended, and since when it has been asked for."""

    since: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """How the last run on a release ended; `failures` counts the failed runs for this digest in a row."""

    digest: str
    succeeded: bool
    message: str
    finished_at: datetime
    failures: int = 0


class ReleaseState(StrEnum):
    """What there is, in one word."""

    ABSENT = "Absent"
    DEPLOYED = "Deployed"
    OUTDATED = "Outdated"
    FAILED = "Failed"
    PENDING = "Pending"
    FOREIGN = "Foreign"


class Action(StrEnum):
    """What is done about it."""

    INSTALL = "Install"
    UPGRADE = "Upgrade"
    RETRY = "Retry"
    UNLOCK = "Unlock"
    VERIFY = "Verify"
    REFUSE = "Refuse"


@dataclass(frozen=True, slots=True)
class DesiredRelease:
    """One Helm run that makes the release what the spec says; hidden leaves of `values` are SecretStr.

    The run acts as `service_account` of the release's namespace.
    """

    namespace: str
    name: str
    service_account: str
    chart: str
    repository: str
    version: str
    values: Tree
    labels: Mapping[str, str]
    digest: str
    timeout_seconds: int
    secrets: tuple[SecretStr, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """What the labels of one release Secret say."""

    number: int
    status: str
    digest: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def belongs_to(self, owner: Mapping[str, str]) -> bool:
        """Whether it carries the labels of the registry it was made for."""
        return owner.items() <= self.labels.items()


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """What the payload of a release Secret says, as far as anybody here asks."""

    chart_version: str
    harbor_version: str
    config: Mapping[str, Any]
    changed_at: datetime | None
    description: str


Tree = dict[str, Any]
"""Chart values; a leaf that must not be seen is a SecretStr."""


@dataclass(frozen=True, slots=True)
class UserValues:
    """Values of the user's own and where they were read; what came out of a Secret stays hidden."""

    origin: str
    tree: Tree
    secret: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseLogin:
    """A user and the password that fits."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class ReleaseSecrets:
    """What the Secrets hold that Harbor reads, as seen in this pass."""

    generated: Mapping[str, SecretStr]
    admin_password: SecretStr
    database_login: ReleaseLogin | None = None
    cache_password: SecretStr | None = None
    storage_login: ReleaseLogin | None = None
    ca_bundle: str = ""
    user_values: tuple[UserValues, ...] = field(default=())

    @property
    def all_secrets(self) -> tuple[SecretStr, ...]:
        """All that must never be seen, for those who pass on what a foreign program wrote."""
        logins = (login.password for login in (self.database_login, self.storage_login) if login)
        cache = (self.cache_password,) if self.cache_password else ()
        public = {str(GeneratedSecret.TOKEN_CERTIFICATE)}
        generated = (value for key, value in self.generated.items() if key not in public)
        return (*generated, self.admin_password, *logins, *cache)

    def keyed_digest(self, *contents: str) -> str:
        """Returns a digest that changes with the contents and tells nothing about them: it is keyed by a pin."""
        key = self.generated[GeneratedSecret.DIGEST_KEY].get_secret_value().encode()
        return hmac.new(key, "\0".join(contents).encode(), hashlib.sha256).hexdigest()[:32]


class RedisKey(StrEnum):
    """A key of the Secret with the Redis URLs; the words are the environment variables of Harbor's processes."""

    CORE = "_REDIS_URL_CORE"
    REGISTRY = "_REDIS_URL_REG"
    JOBSERVICE = "JOB_SERVICE_POOL_REDIS_URL"
    EXPORTER = "HARBOR_REDIS_URL"
    REGISTRY_PASSWORD = "REGISTRY_REDIS_PASSWORD"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its self-signed certificate, both PEM."""

    key: SecretStr
    certificate: SecretStr


class GeneratedSecret(StrEnum):
    """A key of the pins Secret; the words are those the chart looks for, where it looks for any."""

    SECRET_KEY = "secretKey"
    CORE = "secret"
    JOBSERVICE = "JOBSERVICE_SECRET"
    REGISTRY_HTTP = "REGISTRY_HTTP_SECRET"
    CSRF = "CSRF_KEY"
    TOKEN_CERTIFICATE = "tls.crt"
    TOKEN_KEY = "tls.key"
    REGISTRY_PASSWORD = "REGISTRY_PASSWD"
    REGISTRY_HTPASSWD = "REGISTRY_HTPASSWD"
    INTERNAL_DATABASE = "DATABASE_PASSWORD"
    DIGEST_KEY = "DIGEST_KEY"


@dataclass(frozen=True, slots=True)
class SecretGenerator:
    """Where unguessable things come from; a test passes predictable ones."""

    password: Callable[[int], SecretStr]
    key_pair: Callable[[], KeyPair]
    htpasswd: Callable[[str, SecretStr], SecretStr]
