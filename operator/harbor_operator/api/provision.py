"""A user of Ceph RGW that the operator creates for the image storage."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harbor_operator.api.addresses import HttpUrl
from harbor_operator.api.base import AccessKeyRef, Gib, Model


class Provision(Model):
    """Creates the user, its key and its quota through the RGW Admin Ops API."""

    admin_url: HttpUrl = Field(alias="adminURL", description="Base URL of an RGW that serves `/admin`.")
    admin_secret_ref: AccessKeyRef = Field(
        description="Secret with the keys of an RGW user that has the capability `users=*`."
    )
    uid: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^([A-Za-z0-9_]+\$)?[A-Za-z0-9_.-]+$")] = Field(
        description="RGW user that owns the container or bucket: 'uid', or 'tenant$uid'."
    )
    quota_gib: Gib | None = Field(
        default=None, alias="quotaGiB", description="Quota of the user in GiB; absent = no quota."
    )
