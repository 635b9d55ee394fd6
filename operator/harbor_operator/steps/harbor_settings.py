"""The part of Configured that keeps Harbor's own settings."""

from __future__ import annotations

import json

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.harbor_settings import check_editable, check_settings
from harbor_operator.model.harbor import HarborEndpoint, SettingValue
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.plan.harbor_settings import changed_settings
from harbor_operator.ports.harbor_configuration import HarborConfiguration

MAX_SHOWN_CHARACTERS = 80


class SettingSection:
    """Compares the settings that the spec names with Harbor's, and writes the ones that differ."""

    def __init__(self, harbor: HarborConfiguration) -> None:
        self._harbor = harbor

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec names a setting."""
        return bool(registry.spec.configuration)

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Writes nothing if one of the settings does not exist or cannot be changed."""
        desired = registry.spec.configuration
        observed = await self._harbor.read_configuration(admin)
        if blocked := check_settings(desired, observed):
            return blocked
        changed = changed_settings(desired, observed)
        if blocked := check_editable(changed, observed):
            return blocked
        if changed:
            await self._harbor.write_configuration(admin, changed)
        message = f"{len(desired)} {'setting is' if len(desired) == 1 else 'settings are'} as the spec says"
        changes = [
            f"set `spec.configuration.{name}` to {_shown(value)} (before: {_shown(observed[name].value)})"
            for name, value in changed.items()
        ]
        return Done(message, changes=tuple(changes))


def _shown(value: SettingValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}..."
