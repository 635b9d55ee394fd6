"""The content of injected pull Secrets, as a kubelet reads it."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr


class InjectedSecrets(Protocol):
    """Reads one pull Secret at a time."""

    async def read_pull_secret(self, namespace: str, name: str) -> SecretStr | None:
        """Returns the base64 text of `.dockerconfigjson`, empty for another type of Secret; None if there is no Secret.

        Raises Unavailable if the API server does not answer, and Refused(RIGHTS_MISSING) if it does not allow it.
        """
        ...
