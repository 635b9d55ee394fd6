"""The Admin Ops API of a Ceph RADOS gateway as the operator uses it."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.storage import Quota, RgwEndpoint, RgwUser


class RgwAdmin(Protocol):
    """The users of a gateway; every call has a deadline, and every write is idempotent.

    Raises Unavailable(STORAGE_UNREACHABLE) when no valid answer arrives, and Refused with INVALID_SPEC (not a usable
    URL), CERTIFICATE_UNTRUSTED or STORAGE_PROVISIONING_REFUSED otherwise.
    """

    async def read_user(self, endpoint: RgwEndpoint, uid: str) -> RgwUser | None:
        """Returns the user with its Swift keys and quota, or None if it does not exist."""
        ...

    async def ensure_user(self, endpoint: RgwEndpoint, uid: str, display_name: str) -> None:
        """Creates the user without an S3 key; an existing one stays unchanged."""
        ...

    async def set_swift_login(self, endpoint: RgwEndpoint, username: str, key: SecretStr) -> None:
        """Creates 'uid:subuser' with full access and this Swift key, or gives an existing one both."""
        ...

    async def set_quota(self, endpoint: RgwEndpoint, uid: str, quota: Quota) -> None:
        """Sets the quota for everything that the user stores."""
        ...

    async def remove_swift_login(self, endpoint: RgwEndpoint, username: str) -> None:
        """Removes the subuser and its key; an absent one is a success."""
        ...

    async def set_s3_key(self, endpoint: RgwEndpoint, uid: str, access_key: str, secret_key: SecretStr) -> None:
        """Gives the user this pair of keys; an existing access key of the user gets the secret key.

        Raises Refused(STORAGE_PROVISIONING_REFUSED) for an access key of another user.
        """
        ...

    async def remove_s3_key(self, endpoint: RgwEndpoint, uid: str, access_key: str) -> None:
        """Removes the pair of keys; an absent one is a success."""
        ...

    async def remove_user(self, endpoint: RgwEndpoint, uid: str) -> bool:
        """Removes the user; returns whether it no longer exists. One that owns a bucket stays."""
        ...
