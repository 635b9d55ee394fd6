"""Harbor's own settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.harbor import HarborEndpoint, ObservedSetting, SettingValue


class HarborConfiguration(Protocol):
    """The settings of a Harbor; `endpoint` carries the administrator's login.

    Every call has a deadline and raises as the port `Harbor` does, with CONFIGURATION_REFUSED for what Harbor rejects.
    """

    async def read_configuration(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedSetting]:
        """Returns the settings that this version of Harbor has, by name; those with a secret value are left out."""
        ...

    async def write_configuration(
        self, endpoint: HarborEndpoint, changes: Mapping[str, SettingValue | SecretStr]
    ) -> None:
        """Sets these settings and keeps all others. Idempotent."""
        ...
