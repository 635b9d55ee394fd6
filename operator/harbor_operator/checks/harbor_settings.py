"""Checks before a write to Harbor's own settings: they exist, have the right type, and can be changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from harbor_operator.model.harbor import ObservedSetting, SettingValue
from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason

_TYPES: Mapping[type, str] = {str: "a text", bool: "true or false", int: "a number"}


def check_settings(desired: Mapping[str, SettingValue], observed: Mapping[str, ObservedSetting]) -> Blocked | None:
    """Returns the settings that this Harbor does not have, or whose value has another type, or None."""
    unknown = [name for name in desired if name not in observed]
    if unknown:
        message = (
            f"this Harbor has no setting {_fields(unknown)}, or it is a secret, which Harbor never returns: correct or "
            "remove it"
        )
        return Blocked(Reason.CONFIGURATION_UNSUPPORTED, message)
    wrong = [
        f"{_field(name)} must be {_TYPES[type(observed[name].value)]}"
        for name, value in desired.items()
        if type(value) is not type(observed[name].value)
    ]
    return Blocked(Reason.CONFIGURATION_REFUSED, "; ".join(wrong)) if wrong else None


def check_editable(changed: Collection[str], observed: Mapping[str, ObservedSetting]) -> Blocked | None:
    """Returns the settings that must change and that the environment of Harbor fixes, or None."""
    locked = [name for name in changed if not observed[name].is_editable]
    if not locked:
        return None
    message = (
        f"Harbor does not let {_fields(locked)} be changed: the environment variable `CONFIG_OVERWRITE_JSON` of core "
        "(chart value 'core.configureUserSettings') fixes every setting. Set the value there and remove it from "
        "`spec.configuration`, or remove the variable"
    )
    return Blocked(Reason.CONFIGURATION_LOCKED, message)


def _fields(names: Collection[str]) -> str:
    return ", ".join(_field(name) for name in names)


def _field(name: str) -> str:
    return f"`spec.configuration.{name}`"
