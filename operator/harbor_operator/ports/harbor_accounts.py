"""The administrator's account of a Harbor."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.harbor import HarborEndpoint


class HarborAccounts(Protocol):
    """Changes the password of `admin`."""

    async def change_password(self, endpoint: HarborEndpoint, password: SecretStr) -> None:
        """Replaces the password in the login of the endpoint; the old one is invalid at once.

        Has a deadline and raises as the port `Harbor` does, with SECRET_INVALID for a password that Harbor rejects.
        """
        ...
