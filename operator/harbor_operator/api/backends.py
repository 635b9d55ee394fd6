"""The servers Harbor stands on: PostgreSQL, Redis and the object store, as the user describes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.base import CaRef, CredentialsRef, Model, PasswordRef, SecretRef
from harbor_operator.api.charts import CLAIR_RANGE, NOTARY_RANGE

Identifier = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z_][a-z0-9_]*$")]
HttpUrl = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")]
HostPort = Annotated[str, Field(max_length=260, pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")]


class SslMode(StrEnum):
    """How strictly a PostgreSQL connection is checked; the words are libpq's."""

    DISABLE = "disable"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


class DatabaseNames(Model):
    """Names of the databases; only those the chart version needs are made."""

    core: Identifier = Field(default="registry", description="Harbor's own database; every chart version needs it.")
    clair: Identifier = Field(default="clair", description=f"Clair's database; created for charts {CLAIR_RANGE}.")
    notary_server: Identifier = Field(
        default="notary_server", description=f"Notary server's database; created for charts {NOTARY_RANGE}."
    )
    notary_signer: Identifier = Field(
        default="notary_signer", description=f"Notary signer's database; created for charts {NOTARY_RANGE}."
    )


class Database(Model):
    """An existing PostgreSQL server in which the operator makes a role and the databases."""

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s/@:']+$")] = Field(
        description="Host name or address of the PostgreSQL server, as pods and the operator reach it."
    )
    port: int = Field(default=5432, ge=1, le=65535, description="TCP port of the PostgreSQL server.")
    ssl_mode: SslMode = Field(default=SslMode.VERIFY_FULL, description="How the server's certificate is checked.")
    ca_secret_ref: CaRef | None = Field(default=None, description="CA of the server; absent means the system's CAs.")
    admin_secret_ref: CredentialsRef = Field(
        description="Secret with `username` and `password` of a role that may create roles and databases."
    )
    names: DatabaseNames = Field(default_factory=DatabaseNames, description="Names of the databases.")
    connection_limit: int = Field(default=200, ge=10, le=10000, description="CONNECTION LIMIT of Harbor's role.")


class Cache(Model):
    """An existing Redis or Valkey; leave the section out to run the chart's own."""

    addresses: Annotated[list[HostPort], Field(min_length=1, max_length=9)] = Field(
        description="One `host:port` of a primary, or the addresses of the Sentinels (then `sentinelMaster` is needed)."
    )
    sentinel_master: str = Field(default="", max_length=253, description="Name of the master set the Sentinels watch.")
    password_secret_ref: PasswordRef | None = Field(default=None, description="Secret key with the Redis password.")
    tls: bool = Field(default=False, description="Whether Redis is spoken to over TLS.")

    @model_validator(mode="after")
    def _sentinel_is_complete(self) -> Cache:
        if len(self.addresses) > 1 and not self.sentinel_master:
            raise ValueError("several `addresses` mean Sentinel: set `sentinelMaster`, or give one address")
        if self.sentinel_master and self.tls:
            raise ValueError("`tls` with `sentinelMaster` is broken in the chart's registry: use one of them")
        return self


class Provision(Model):
    """Makes the Swift user, its key and its quota through the RGW Admin Ops API."""

    admin_url: HttpUrl = Field(alias="adminURL", description="Base URL of the RGW that serves `/admin`.")
    admin_secret_ref: SecretRef = Field(
        description="Secret with `accessKey` and `secretKey` of an RGW user with the capability `users=*`."
    )
    uid: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")] = Field(
        description="RGW user that owns the container."
    )
    quota_gib: int | None = Field(default=None, ge=1, alias="quotaGiB", description="User quota in GiB; absent = none.")


class Swift(Model):
    """A Swift container on Ceph RGW (or OpenStack Swift) with version 1 authentication."""

    auth_url: HttpUrl = Field(
        alias="authURL", description="The auth URL, for example https://s3.example.com/auth/v1.0."
    )
    container: Annotated[str, Field(min_length=3, max_length=255, pattern=r"^[^/\s]+$")] = Field(
        default="harbor", description="Container that holds the images; made if absent. Immutable."
    )
    credentials_secret_ref: CredentialsRef = Field(
        description="Secret with `username` ('uid:subuser') and `password`; made by the operator if `provision` is set."
    )
    ca_secret_ref: CaRef | None = Field(default=None, description="CA of `authURL`, for the operator and the registry.")
    chunk_size_mib: int = Field(
        default=20, ge=1, le=5000, alias="chunkSizeMiB", description="Segment size; every proxy must let it through."
    )
    provision: Provision | None = Field(default=None, description="Makes user, subuser, key and quota in Ceph RGW.")


class Filesystem(Model):
    """A volume in the cluster, claimed by the chart."""

    size: Annotated[str, Field(pattern=r"^[1-9][0-9]*(Mi|Gi|Ti)$")] = Field(description="Size of the volume claim.")
    storage_class_name: str = Field(default="", description="Storage class; empty = the cluster's default.")


class Storage(Model):
    """Where the images lie: exactly one of the kinds."""

    swift: Swift | None = Field(default=None, description="A Swift container.")
    filesystem: Filesystem | None = Field(default=None, description="A volume in the cluster.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Storage:
        if (self.swift is None) == (self.filesystem is None):
            raise ValueError("give exactly one of `swift` and `filesystem`")
        return self

    @property
    def kind(self) -> str:
        """The storage type in the chart's words: 'swift' or 'filesystem'."""
        return "swift" if self.swift else "filesystem"
