"""The settings of a Harbor in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.model.harbor import HarborEndpoint, ObservedSetting, SettingValue
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_configuration import HarborConfiguration
from harbor_operator.reasons import Reason


class FakeHarborConfiguration(HarborConfiguration):
    """Settings in a dictionary; `writes` lists the changes.

    `is_locked` is a Harbor with CONFIG_OVERWRITE_JSON. With `forgets`, another client takes each change back, and
    `after_next_read` is what another client does then.
    """

    def __init__(self) -> None:
        self.settings: dict[str, SettingValue] = {
            "auth_mode": "db_auth",
            "banner_message": "",
            "read_only": False,
            "robot_token_duration": 30,
        }
        self.is_locked = False
        self.forgets = False
        self.after_next_read: Callable[[], None] = lambda: None
        self.writes: list[dict[str, SettingValue]] = []

    @override
    async def read_configuration(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedSetting]:
        found = {name: ObservedSetting(value, not self.is_locked) for name, value in self.settings.items()}
        act, self.after_next_read = self.after_next_read, lambda: None
        act()
        return found

    @override
    async def write_configuration(
        self, endpoint: HarborEndpoint, changes: Mapping[str, SettingValue | SecretStr]
    ) -> None:
        if self.is_locked:
            raise Refused(Reason.CONFIGURATION_REFUSED, "current config is init by env variable")
        plain = {name: value for name, value in changes.items() if not isinstance(value, SecretStr)}
        self.writes.append(plain)
        if not self.forgets:
            self.settings |= plain
