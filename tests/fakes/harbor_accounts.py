"""The administrator's account of a Harbor in memory."""

from __future__ import annotations

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.model.harbor import HarborEndpoint, Identity
from harbor_operator.plan.pull_secrets import is_strong
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_accounts import HarborAccounts
from harbor_operator.reasons import Reason
from tests.fakes.harbor import FakeHarbor


class FakeHarborAccounts(HarborAccounts):
    """Changes the password in the accounts of a FakeHarbor; `crash` raises it after the next change."""

    def __init__(self, harbor: FakeHarbor) -> None:
        self._harbor = harbor
        self.crash: Exception | None = None

    @override
    async def change_password(self, endpoint: HarborEndpoint, password: SecretStr) -> None:
        if await self._harbor.read_identity(endpoint) is not Identity.ADMIN:
            raise Refused(Reason.ADMIN_CREDENTIALS_REJECTED, "Harbor does not accept the administrator's login")
        if not is_strong(password) or self._harbor.accounts["admin"][0] == password.get_secret_value():
            raise Refused(Reason.SECRET_INVALID, "the password is weak, or the old one")
        self._harbor.accounts["admin"] = (password.get_secret_value(), True)
        self._harbor.writes.append("change password")
        if crash := self.crash:
            self.crash = None
            raise crash
