"""The servers that Harbor depends on, as the spec describes them: PostgreSQL, Redis and the object store."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.addresses import SPACE, Host, HostPort, HttpUrl
from harbor_operator.api.base import CaRef, CredentialsRef, Model, PasswordRef
from harbor_operator.api.charts import CLAIR_RANGE, EXTRA_ENV_RANGE, NOTARY_RANGE, REDIS_USERNAME_RANGE
from harbor_operator.api.provision import Provision
from harbor_operator.api.s3 import S3
from harbor_operator.api.storage_driver import DriverName, StorageDriver
from harbor_operator.api.storage_migration import (
    ADOPTION_MESSAGE,
    COPY_KEYS_MESSAGE,
    DIFFERENT_MESSAGE,
    SHARED_NAME_MESSAGE,
    SOURCE_MESSAGE,
    StorageMigration,
)

Identifier = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z_][a-z0-9_-]*$")]


MAINTENANCE_DATABASE = "postgres"
ROTATION_MESSAGE = "`rotateAfterDays` is for `adminSecretRef` only"
CHART_KEY_MESSAGE = "`credentialsSecretRef.passwordKey` must be 'password': the chart reads that key"
ONE_HOST_MESSAGE = "`host` is one name, because Harbor takes no list: give the name that follows the primary"


class SslMode(StrEnum):
    """How the TLS certificate of PostgreSQL is verified; the values are those of libpq."""

    DISABLE = "disable"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


class DatabaseNames(Model):
    """Names of the databases; the operator creates only those that the chart version needs."""

    core: Identifier = Field(default="registry", description="Database of Harbor's core; every chart version needs it.")
    clair: Identifier = Field(default="clair", description=f"Database of Clair; created for charts {CLAIR_RANGE}.")
    notary_server: Identifier = Field(
        default="notary_server", description=f"Database of the Notary server; created for charts {NOTARY_RANGE}."
    )
    notary_signer: Identifier = Field(
        default="notary_signer", description=f"Database of the Notary signer; created for charts {NOTARY_RANGE}."
    )


class Database(Model):
    """An existing PostgreSQL server, in which the operator creates a role and the databases or uses existing ones."""

    host: Host = Field(
        description="Host name or address of the PostgreSQL server, reachable from Harbor's pods and from the operator."
        " One host, because Harbor takes no list: for a cluster, the name that follows the primary."
    )
    port: int = Field(default=5432, ge=1, le=65535, description="TCP port of the PostgreSQL server.")
    ssl_mode: SslMode = Field(
        default=SslMode.VERIFY_FULL, description="How the server's certificate is verified, as in libpq."
    )
    ca_secret_ref: CaRef | None = Field(default=None, description="CA of the server; absent = the system's CAs.")
    admin_secret_ref: CredentialsRef | None = Field(
        default=None,
        description="Secret with the login of a role with CREATEROLE and CREATEDB, with which the "
        "operator creates Harbor's role and databases.",
    )
    credentials_secret_ref: CredentialsRef | None = Field(
        default=None,
        description="Secret with the login of an existing role that owns the databases of `names`; the "
        "operator then creates, changes and drops nothing in PostgreSQL.",
    )
    maintenance_database: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        default=MAINTENANCE_DATABASE,
        description="Existing database to which the login of `adminSecretRef` connects to create the others.",
    )
    names: DatabaseNames = Field(default_factory=DatabaseNames, description="Names of the databases.")
    connection_limit: int = Field(
        default=200, ge=10, le=10000, description="Maximum number of connections of Harbor's role (CONNECTION LIMIT)."
    )

    rotate_after_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Age in days after which Harbor gets another login; absent = only on request. Needs "
        f"`adminSecretRef`, a `release`, and charts {EXTRA_ENV_RANGE}.",
    )

    @model_validator(mode="after")
    def _host_and_login_are_unambiguous(self) -> Database:
        if "," in self.host:
            raise ValueError(ONE_HOST_MESSAGE)
        if (self.admin_secret_ref is None) == (self.credentials_secret_ref is None):
            raise ValueError("give exactly one of `adminSecretRef` and `credentialsSecretRef`")
        chart_key = CredentialsRef.model_fields["password_key"].default
        if self.credentials_secret_ref and self.credentials_secret_ref.password_key != chart_key:
            raise ValueError(CHART_KEY_MESSAGE)
        if self.credentials_secret_ref and self.maintenance_database != MAINTENANCE_DATABASE:
            raise ValueError("`maintenanceDatabase` is for `adminSecretRef` only")
        if self.credentials_secret_ref and self.rotate_after_days:
            raise ValueError(ROTATION_MESSAGE)
        return self


class Cache(Model):
    """An existing Redis or Valkey server; absent = the one of the chart."""

    addresses: Annotated[list[HostPort], Field(min_length=1, max_length=9)] = Field(
        description="One `host:port` of a primary, or the addresses of the Sentinels with `sentinelMaster`."
    )
    sentinel_master: str = Field(
        default="", max_length=253, description="Name of the master set that the Sentinels monitor."
    )
    password_secret_ref: PasswordRef | None = Field(default=None, description="Secret key with the Redis password.")
    username: Annotated[str, Field(max_length=253, pattern=rf"^[^{SPACE}]*$")] = Field(
        default="",
        description=f"ACL user of Redis; empty = the user `default`. Supported by charts {REDIS_USERNAME_RANGE}.",
    )
    tls: bool = Field(default=False, description="Whether connections to Redis use TLS.")
    ca_secret_ref: CaRef | None = Field(
        default=None, description="CA of the Redis server; the operator and Harbor use it. Absent = the system's CAs."
    )

    @model_validator(mode="after")
    def _sentinel_is_complete(self) -> Cache:
        if self.username and self.password_secret_ref is None:
            raise ValueError("`username` needs `passwordSecretRef`")
        if self.ca_secret_ref and not self.tls:
            raise ValueError("`caSecretRef` needs `tls: true`")
        if len(self.addresses) > 1 and not self.sentinel_master:
            raise ValueError("several `addresses` mean Sentinel: set `sentinelMaster`, or give one address")
        if self.sentinel_master and self.tls:
            raise ValueError("`tls` with `sentinelMaster` is broken in the chart's registry: use one of them")
        return self


class Swift(Model):
    """A Swift container on Ceph RGW (or OpenStack Swift) with version 1 authentication."""

    auth_url: HttpUrl = Field(
        alias="authURL", description="URL of the Swift v1 auth endpoint, for example https://s3.example.com/auth/v1.0."
    )
    container: Annotated[str, Field(min_length=3, max_length=255, pattern=rf"^[^/{SPACE}]+$")] = Field(
        default="harbor",
        description="Container for the images; the operator creates it if it does not exist. Immutable.",
    )
    adopt_existing: bool = Field(
        default=False,
        description="Use a container that already holds images, or that another HarborRegistry has marked as its own. "
        "Set it only if nothing else uses the container. An adopted container is never removed.",
    )
    credentials_secret_ref: CredentialsRef = Field(
        description="Secret with the login of the store: the username is 'uid:subuser'; with `provision`, the operator "
        "creates it."
    )
    ca_secret_ref: CaRef | None = Field(
        default=None, description="CA of `authURL`; the operator and the registry use it."
    )
    chunk_size_mib: int = Field(
        default=20,
        ge=1,
        le=5000,
        alias="chunkSizeMiB",
        description="Size of one segment in MiB; every proxy in front of the store must accept a body of this size.",
    )
    provision: Provision | None = Field(
        default=None, description="Lets the operator create the user, subuser, key and quota in Ceph RGW."
    )


class Filesystem(Model):
    """A PersistentVolumeClaim that the chart creates."""

    size: Annotated[str, Field(pattern=r"^[1-9][0-9]*(Mi|Gi|Ti)$")] = Field(
        description="Size of the PersistentVolumeClaim."
    )
    storage_class_name: str = Field(default="", description="StorageClass; empty = the default of the cluster.")


ONE_KIND_MESSAGE = "give exactly one of `swift`, `s3`, `filesystem` and `driver`"


class Storage(Model):
    """Storage of the images: exactly one of the kinds."""

    swift: Swift | None = Field(default=None, description="A Swift container.")
    s3: S3 | None = Field(default=None, description="An S3 bucket.")
    filesystem: Filesystem | None = Field(default=None, description="A PersistentVolumeClaim in the cluster.")
    driver: StorageDriver | None = Field(
        default=None, description="Another storage driver of the chart: Azure, Google Cloud Storage, Alibaba OSS."
    )
    migration: StorageMigration | None = Field(
        default=None, description="Copies the images of `swift` or `s3` to another bucket, and switches to it."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Storage:
        if sum(kind is not None for kind in (self.swift, self.s3, self.filesystem, self.driver)) != 1:
            raise ValueError(ONE_KIND_MESSAGE)
        return self

    @model_validator(mode="after")
    def _migration_is_possible(self) -> Storage:
        if self.migration is None:
            return self
        to = self.migration.to.s3
        if self.swift is None and self.s3 is None:
            raise ValueError(SOURCE_MESSAGE)
        if self.s3 and _address(self.s3) == _address(to):
            raise ValueError(DIFFERENT_MESSAGE)
        if self.swift and self.swift.container == to.bucket and not to.root_directory:
            raise ValueError(SHARED_NAME_MESSAGE)
        if to.adopt_existing:
            raise ValueError(ADOPTION_MESSAGE)
        if to.ambient_identity or (self.s3 and self.s3.ambient_identity):
            raise ValueError(COPY_KEYS_MESSAGE)
        return self

    @property
    def registry_only(self) -> StorageDriver | S3 | None:
        """The section of a store that only the registry can use: the operator has no client or no keys for it."""
        return self.s3 if self.s3 and self.s3.ambient_identity else self.driver

    @property
    def uses_swift(self) -> bool:
        """Whether the registry needs the Swift driver, which newer versions of Harbor drop."""
        return self.swift is not None or (self.driver is not None and self.driver.name is DriverName.SWIFT)


def _address(s3: S3) -> tuple[str, str, str]:
    return s3.endpoint, s3.bucket, s3.root_directory
