"""An S3 bucket as the image storage, as the spec describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harbor_operator.api.addresses import ExternalUrl
from harbor_operator.api.base import AccessKeyRef, CaRef, Model
from harbor_operator.api.provision import Provision
from harbor_operator.api.rule import Rule

BucketName = Annotated[str, Field(min_length=3, max_length=63, pattern=r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$")]
Folder = Annotated[str, Field(max_length=512, pattern=r"^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$")]

LOGIN_MESSAGE = "give exactly one of `credentialsSecretRef` and `ambientIdentity`"
KEYS_MESSAGE = (
    "`provision` and `adoptExisting` need `credentialsSecretRef`: with `ambientIdentity`, the operator has no keys"
)
RELEASE_MESSAGE = "`storage.s3.ambientIdentity` needs `release`: only the registry of the chart has the identity"
DELETION_MESSAGE = (
    "`deletionPolicy.storage: Delete` is not possible with `storage.s3.ambientIdentity`: the operator has no keys with "
    "which it could delete"
)
_HAS_IDENTITY = "has(self.storage) && has(self.storage.s3) && has(self.storage.s3.ambientIdentity)"
RULES = (
    Rule("has(self.credentialsSecretRef) != has(self.ambientIdentity)", LOGIN_MESSAGE),
    Rule(
        "!has(self.ambientIdentity) || !has(self.provision) && (!has(self.adoptExisting) || !self.adoptExisting)",
        KEYS_MESSAGE,
    ),
)
RELEASE_RULE = Rule(f"!({_HAS_IDENTITY}) || has(self.release)", RELEASE_MESSAGE)
DELETION_RULE = Rule(
    f"!({_HAS_IDENTITY}) || !has(self.deletionPolicy) || !has(self.deletionPolicy.storage)"
    " || self.deletionPolicy.storage == 'Retain'",
    DELETION_MESSAGE,
)


class AmbientIdentity(Model):
    """Keys that the registry's client library finds where its pod runs; there is nothing to set."""


class Encryption(Model):
    """Encryption by the store (SSE): with its own keys, or with a key of its key management service."""

    kms_key_id: Annotated[str, Field(max_length=2048, pattern=r"^[A-Za-z0-9:/_.-]*$")] = Field(
        default="", description="Key of the key management service (SSE-KMS); empty = keys of the store (AES256)."
    )


class S3(Model):
    """An S3 bucket: an existing one, or one that the operator creates in Ceph RGW."""

    endpoint: ExternalUrl = Field(
        description="URL of the S3 server without the bucket, for example https://s3.example.com or "
        "https://s3.eu-central-1.amazonaws.com."
    )
    region: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9-]+$")] = Field(
        default="us-east-1", description="Region that the server expects in signatures; Ceph RGW accepts any."
    )
    bucket: BucketName = Field(default="harbor", description="Bucket for the images. Immutable.")
    root_directory: Folder = Field(
        default="", description="Folder in the bucket for the images; empty = the top of the bucket. Immutable."
    )
    adopt_existing: bool = Field(
        default=False,
        description="Use a bucket (or folder) that already holds images, or that another HarborRegistry has marked as "
        "its own. Set it only if nothing else uses it. Adopted images are never removed. Images that the Swift driver "
        "wrote are refused.",
    )
    credentials_secret_ref: AccessKeyRef | None = Field(
        default=None,
        description="Secret with the access key and the secret key of the registry; with `provision`, the operator "
        "creates it. Give either this or `ambientIdentity`.",
    )
    ambient_identity: AmbientIdentity | None = Field(
        default=None,
        description="`{}` = the registry has no keys from the operator: its client library finds them in the "
        "environment of the pod, in a credentials file, or at the metadata service of the node. The operator then "
        "proves the bucket after the release, through the registry. It does not mark the bucket, and can neither copy "
        "nor remove its images.",
    )
    ca_secret_ref: CaRef | None = Field(
        default=None, description="CA of `endpoint`; the operator and the registry use it."
    )
    chunk_size_mib: int = Field(
        default=10,
        ge=5,
        le=2500,
        alias="chunkSizeMiB",
        description="Size of one part of an upload in MiB. The last part of a layer can have almost twice this size; "
        "every proxy in front of the store must accept it.",
    )
    redirect: bool = Field(
        default=False,
        description="Send clients to `endpoint` for layers. Every node must then reach it and trust its certificate.",
    )
    encryption: Encryption | None = Field(
        default=None, description="Encryption by the store; absent = none is requested."
    )
    storage_class: Literal["STANDARD", "REDUCED_REDUNDANCY", "NONE"] = Field(
        default="STANDARD", description="Storage class of the objects; NONE = none is requested."
    )
    provision: Provision | None = Field(
        default=None, description="Lets the operator create the user, key, bucket and quota in Ceph RGW."
    )

    @model_validator(mode="after")
    def _has_one_login(self) -> S3:
        if (self.credentials_secret_ref is None) == (self.ambient_identity is None):
            raise ValueError(LOGIN_MESSAGE)
        if self.ambient_identity and (self.provision or self.adopt_existing):
            raise ValueError(KEYS_MESSAGE)
        return self
