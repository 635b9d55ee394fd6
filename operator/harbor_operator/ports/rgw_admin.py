"""What we may ask of the Admin Ops API of a Ceph RADOS gateway."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.storage import Quota, RgwEndpoint, RgwUser


class RgwAdmin(Protocol):
    """Users of a gateway; every call has a deadline.

    Raises Unavailable when nothing sensible answers, and Refused with the finding of `diagnosis.storage` otherwise.
    """

    async def read_user(self, access: RgwEndpoint, uid: str) -> RgwUser | None:
        """Returns the user with its Swift keys and quota, or None if there is none."""
        ...

    async def ensure_user(self, access: RgwEndpoint, uid: str, display_name: str) -> None:
        """Makes the user without any S3 key; an existing one is left as it is."""
        ...

    async def set_swift_login(self, access: RgwEndpoint, username: str, key: SecretStr) -> None:
        """Makes 'uid:subuser' with full access and this Swift key, or gives an existing one this key."""
        ...

    async def set_quota(self, access: RgwEndpoint, uid: str, quota: Quota) -> None:
        """Sets the quota of everything the user stores."""
        ...

    async def remove_swift_login(self, access: RgwEndpoint, username: str) -> None:
        """Removes the subuser and its key; a missing one is a success."""
        ...

    async def remove_user(self, access: RgwEndpoint, uid: str) -> bool:
        """Removes the user and says whether it is gone; one that owns a bucket stays."""
        ...
