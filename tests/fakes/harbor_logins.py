"""A Harbor in memory as the section `authentication` uses it: all settings, and tests of providers and directories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.checks.configuration import explain_read_only
from harbor_operator.model.authentication import AUTH_MODE, LdapConnection
from harbor_operator.model.harbor import HarborEndpoint, ObservedSetting, SettingValue
from harbor_operator.ports import Refused, as_error
from harbor_operator.ports.harbor_configuration import HarborConfiguration
from harbor_operator.ports.harbor_login_probe import HarborLoginProbe
from harbor_operator.reasons import Reason
from lab.harbor.configuration_values import DEFAULTS, SECRETS

FIXED = "current config is init by env variable: CONFIG_OVERWRITE_JSON, it cannot be updated"
LOCKED = "the auth mode cannot be modified as new users have been inserted into database"


class FakeHarborLogins(HarborConfiguration, HarborLoginProbe):
    """Settings in attributes that a test sets; `writes` are the changes in order, `tests` those of other servers."""

    def __init__(self) -> None:
        self.settings: dict[str, SettingValue] = dict(DEFAULTS)
        self.secrets: dict[str, str] = {}
        self.has_users = False
        self.is_fixed = False
        self.reaches_provider = True
        self.ldap_error = ""
        self.finds_users = True
        self.writes: list[dict[str, SettingValue]] = []
        self.tests: list[str] = []

    @override
    async def read_configuration(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedSetting]:
        found = {name: ObservedSetting(value, not self.is_fixed) for name, value in self.settings.items()}
        mode = found[AUTH_MODE]
        return {**found, AUTH_MODE: replace(mode, is_editable=mode.is_editable and not self.has_users)}

    @override
    async def write_configuration(
        self, endpoint: HarborEndpoint, changes: Mapping[str, SettingValue | SecretStr]
    ) -> None:
        plain = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in changes.items()
        }
        if self.is_fixed:
            raise Refused(Reason.CONFIGURATION_REFUSED, FIXED)
        if self.has_users and plain.get(AUTH_MODE, self.settings[AUTH_MODE]) != self.settings[AUTH_MODE]:
            raise Refused(Reason.CONFIGURATION_REFUSED, LOCKED)
        self.writes.append(plain)
        self.settings |= {name: value for name, value in plain.items() if name in self.settings}
        self.secrets |= {name: str(value) for name, value in plain.items() if name in SECRETS}

    @override
    async def try_oidc(self, endpoint: HarborEndpoint, url: str, *, verify: bool) -> bool:
        self._test(url)
        return self.reaches_provider

    @override
    async def try_ldap(self, endpoint: HarborEndpoint, connection: LdapConnection) -> str:
        self._test(connection.url)
        return self.ldap_error

    @override
    async def try_ldap_search(self, endpoint: HarborEndpoint) -> bool:
        self.tests.append(f"search {self.settings['ldap_base_dn']}")
        return self.finds_users

    def _test(self, url: str) -> None:
        if self.settings["read_only"]:
            raise as_error(explain_read_only())
        self.tests.append(url)
