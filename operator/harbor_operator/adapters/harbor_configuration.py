"""Harbor's settings over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.model.harbor import HarborEndpoint, ObservedSetting, SettingValue
from harbor_operator.ports.harbor_configuration import HarborConfiguration
from harbor_operator.reasons import Reason


class HttpHarborConfiguration(HarborApi, HarborConfiguration):
    """The settings over HTTP."""

    @override
    async def read_configuration(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedSetting]:
        request = HttpRequest("GET", f"{API}/configurations")
        return (await self._request(endpoint, request, Reason.CONFIGURATION_REFUSED)).decode(_settings)

    @override
    async def write_configuration(
        self, endpoint: HarborEndpoint, changes: Mapping[str, SettingValue | SecretStr]
    ) -> None:
        body = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in changes.items()
        }
        request = HttpRequest("PUT", f"{API}/configurations", body=body)
        await self._request(endpoint, request, Reason.CONFIGURATION_REFUSED)


def _settings(settings: Mapping[str, Any]) -> dict[str, ObservedSetting]:
    return {
        name: ObservedSetting(setting["value"], bool(setting["editable"]))
        for name, setting in settings.items()
        if isinstance(setting, dict) and isinstance(setting.get("value"), str | int)
    }
