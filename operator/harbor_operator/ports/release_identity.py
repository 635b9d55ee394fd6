"""What Helm needs from the API server: a credential of the service account that it acts as."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr


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
