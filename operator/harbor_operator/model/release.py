"""The Helm release: desired and observed, the Secrets behind it, and its chart values."""

# ruff: noqa: S105 - these are the names of keys, not what they hold
from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from harbor_operator.model.certificates import CertificateTools, KeyPair
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import Facts
from harbor_operator.model.storage_migration import MigrationRecord
from harbor_operator.reasons import Reason

Tree = dict[str, Any]
"""Chart values; a leaf that must not be printed is a SecretStr."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A Helm run that has not ended, and since when it runs or, if `queued`, waits for other runs."""

    since: datetime
    digest: str
    queued: bool = False


@dataclass(frozen=True, slots=True)
class RunResult:
    """How the last run on a release ended; `failures` counts consecutive failures of this digest.

    `reason` is why the run ended before Helm acted on the release, and None if Helm's own error is the message;
    `is_refused` says whether that needs a manual change. `access_digest` is the one of the desired release.
    """

    digest: str
    succeeded: bool
    message: str
    finished_at: datetime
    failures: int = 0
    reason: Reason | None = None
    is_refused: bool = False
    access_digest: str = ""


class ReleaseState(StrEnum):
    """The observed state of a release."""

    ABSENT = "Absent"
    DEPLOYED = "Deployed"
    OUTDATED = "Outdated"
    FAILED = "Failed"
    PENDING = "Pending"
    FOREIGN = "Foreign"


class Action(StrEnum):
    """The one action that follows from a state."""

    INSTALL = "Install"
    UPGRADE = "Upgrade"
    RETRY = "Retry"
    UNLOCK = "Unlock"
    VERIFY = "Verify"
    REFUSE = "Refuse"


@dataclass(frozen=True, slots=True)
class ReleaseLogin:
    """A username and its password.

    After the first rotation of the database's login, `secret` is the Secret with it and `first_username` the role with
    which Harbor was installed; empty before.
    """

    username: str
    password: SecretStr
    secret: str = ""
    first_username: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryAccess:
    """How to reach a private chart repository or OCI registry; `ca` is a PEM bundle, empty = the system's."""

    login: ReleaseLogin | None = None
    ca: str = ""


NO_ACCESS = RepositoryAccess()


@dataclass(frozen=True, slots=True)
class DesiredRelease:
    """The release that the spec asks for; leaves of `values` that must not be printed are SecretStr.

    Helm acts as `service_account` of the namespace. `access_digest` changes with `repository_access`: it is no
    property of the release, but a reason to try a failed one again. `database_login_digest` is the one of the login
    with which core starts.
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
    chart_digest: str = ""
    repository_access: RepositoryAccess = NO_ACCESS
    access_digest: str = ""
    database_login_digest: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a release, from the labels of its Secret."""

    number: int
    status: str
    digest: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def belongs_to(self, owner: Mapping[str, str]) -> bool:
        """Whether the revision has the labels of this owner."""
        return owner.items() <= self.labels.items()


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """The part of the payload of a release Secret that the operator uses; `defaults` are the values of the chart."""

    chart_version: str
    harbor_version: str
    config: Mapping[str, Any]
    changed_at: datetime | None
    description: str
    chart_digest: str = ""
    chart_name: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object that the manifest of a stored release lists; a cluster-scoped one has a namespace as well here."""

    api_version: str
    kind: str
    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class ObservedRelease:
    """The revisions that matter, oldest first; `newest` and `stored` are Secret and payload of the last one.

    `stored` is None for a release that does not belong to this registry: its payload is not read. `replaced` is the
    Secret whose objects the next upgrade changes or deletes: of the deployed revision, or of the last one.
    """

    revisions: Sequence[Revision]
    newest: StoredSecret | None = None
    stored: StoredRelease | None = None
    replaced: StoredSecret | None = None

    @property
    def has_been_deployed(self) -> bool:
        """Whether Harbor has run; before that, any change of the spec is safe."""
        return any(revision.status in {"deployed", "superseded"} for revision in self.revisions)

    @property
    def installed_version(self) -> str:
        """The chart version of the newest revision; empty if Harbor has not run or the payload is not read."""
        return self.stored.chart_version if self.has_been_deployed and self.stored else ""

    def belongs_to(self, owner: Mapping[str, str]) -> bool:
        """Whether the newest revision has the labels of this owner."""
        return bool(self.revisions) and self.revisions[-1].belongs_to(owner)

    @property
    def facts(self) -> Facts:
        """What status reports about the release."""
        if self.stored is None or self.revisions[-1].status != "deployed":
            return Facts()
        stored = self.stored
        return Facts(
            chart_version=stored.chart_version,
            harbor_version=stored.harbor_version,
            release_revision=self.revisions[-1].number,
            chart_digest=stored.chart_digest or None,
        )


@dataclass(frozen=True, slots=True)
class UserValues:
    """The user's own values and where they were read; text from a Secret is SecretStr."""

    origin: str
    tree: Tree
    secret: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseSecrets:
    """What the Secrets that Harbor reads contain, as read in this pass.

    `driver_credential` is the credential of `spec.storage.driver` under the keys that the chart reads.
    `certificates` are those of `spec.internalTLS` with their authorities, as PEM without keys, by process; an empty
    text where one has yet to be issued.
    `release_name` is the release for which `generated` was generated, `chart_version` the last chart that was
    deployed on the database in its volume; empty if the Secret does not say it. `jobservice_login` is the digest of the
    database's login for which jobservice was restarted last; empty if the login never changed. `certificate` is what
    the chart's nginx serves (PEM, empty for an Ingress), `first_certificate` and `last_certificate` are the digests of
    the first and the newest one, `first_ca` of the first CA bundle; `storage_migration` is the record of a migration.
    """

    generated: Mapping[str, SecretStr]
    admin_password: SecretStr
    database_login: ReleaseLogin | None = None
    cache_password: SecretStr | None = None
    storage_login: ReleaseLogin | None = None
    driver_credential: Mapping[str, SecretStr] = field(default_factory=dict)
    ca_bundle: str = ""
    repository_access: RepositoryAccess = NO_ACCESS
    user_values: tuple[UserValues, ...] = field(default=())
    certificates: Mapping[str, str] = field(default_factory=dict)
    release_name: str = ""
    chart_version: str = ""
    jobservice_login: str = ""
    certificate: str = ""
    first_certificate: str = ""
    last_certificate: str = ""
    first_ca: str = ""
    storage_migration: MigrationRecord | None = None

    @property
    def all_secrets(self) -> tuple[SecretStr, ...]:
        """Every value that must not be printed, for redaction."""
        known = (self.database_login, self.storage_login, self.repository_access.login)
        logins = (login.password for login in known if login)
        cache = (self.cache_password,) if self.cache_password else ()
        public = {str(GeneratedSecret.TOKEN_CERTIFICATE)}
        generated = (value for key, value in self.generated.items() if key not in public)
        return (*generated, self.admin_password, *logins, *cache, *self.driver_credential.values())

    def keyed_digest(self, *contents: str) -> str:
        """Returns a digest that changes with the contents and does not show them: a generated secret keys it."""
        return keyed_digest(self.generated[GeneratedSecret.DIGEST_KEY], *contents)


def keyed_digest(key: SecretStr, *contents: str) -> str:
    """Returns a digest that changes with the contents and does not show them."""
    return hmac.new(key.get_secret_value().encode(), "\0".join(contents).encode(), hashlib.sha256).hexdigest()[:32]


class RedisKey(StrEnum):
    """A key of the Secret with the Redis URLs; each is an environment variable of one of Harbor's processes."""

    CORE = "_REDIS_URL_CORE"
    REGISTRY = "_REDIS_URL_REG"
    JOBSERVICE = "JOB_SERVICE_POOL_REDIS_URL"
    EXPORTER = "HARBOR_REDIS_URL"
    REGISTRY_PASSWORD = "REGISTRY_REDIS_PASSWORD"


class GeneratedSecret(StrEnum):
    """A key of the Secret with generated values, named as the chart expects it where it reads the key."""

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
    """Generates passwords, key pairs, htpasswd lines and certificates; tests pass a deterministic one."""

    password: Callable[[int], SecretStr]
    key_pair: Callable[[], KeyPair]
    htpasswd: Callable[[str, SecretStr], SecretStr]
    certificates: CertificateTools
