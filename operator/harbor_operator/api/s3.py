"""An S3 bucket as the image storage, as the spec describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harbor_operator.api.addresses import ExternalUrl
from harbor_operator.api.base import AccessKeyRef, CaRef, Model
from harbor_operator.api.provision import Provision

BucketName = Annotated[str, Field(min_length=3, max_length=63, pattern=r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$")]
Folder = Annotated[str, Field(max_length=512, pattern=r"^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$")]


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
    credentials_secret_ref: AccessKeyRef = Field(
        description="Secret with the access key and the secret key of the registry; with `provision`, the operator "
        "creates it."
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
