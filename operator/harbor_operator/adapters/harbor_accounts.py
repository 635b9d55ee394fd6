"""The administrator's account over HTTP."""

from __future__ import annotations

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.ports.harbor_accounts import HarborAccounts
from harbor_operator.reasons import Reason

_ADMIN_PATH = f"{API}/users/1/password"
"""Harbor creates `admin` as its first user."""


class HttpHarborAccounts(HarborApi, HarborAccounts):
    """The account over HTTP."""

    @override
    async def change_password(self, endpoint: HarborEndpoint, password: SecretStr) -> None:
        old = endpoint.login.password.get_secret_value() if endpoint.login else ""
        body = {"old_password": old, "new_password": password.get_secret_value()}
        await self._request(endpoint, HttpRequest("PUT", _ADMIN_PATH, body=body), Reason.SECRET_INVALID)
