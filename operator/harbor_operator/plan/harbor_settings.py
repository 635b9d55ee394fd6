"""Which settings of Harbor must be written."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.model.harbor import ObservedSetting, SettingValue


def changed_settings(
    desired: Mapping[str, SettingValue], observed: Mapping[str, ObservedSetting]
) -> dict[str, SettingValue]:
    """Returns the settings whose value in Harbor is another one."""
    return {name: value for name, value in desired.items() if observed[name].value != value}
