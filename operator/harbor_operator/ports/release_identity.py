"""What Helm needs from the API server: a credential of the service account that it acts as, and its rights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.release import ListedObject


class ReleaseIdentity(Protocol):
    """Issues credentials of service accounts in namespaces that hold a registry; every call has a deadline."""

    async def issue_token(self, namespace: str, service_account: str, lifetime_seconds: int) -> SecretStr:
        """Returns a bearer token of the service account that expires after about `lifetime_seconds`.

        Each call issues another token and changes nothing else. The lifetime is never shorter than ten minutes, and
        the API server may shorten a long one. Raises Unavailable when the server does not answer,
        Refused(RELEASE_SERVICE_ACCOUNT_MISSING) when the account does not exist, and Refused(RIGHTS_MISSING) when the
        operator must not issue its tokens.
        """
        ...

    async def find_unreadable(
        self, namespace: str, service_account: str, objects: Sequence[ListedObject]
    ) -> ListedObject | None:
        """Returns the first of the objects that the service account must not read, or None.

        The API server decides, whether the object exists or not. An object of a kind that the server does not have
        counts as readable, and so do all of them if the server does not answer such questions. Changes nothing. Raises
        as `issue_token`.
        """
        ...
