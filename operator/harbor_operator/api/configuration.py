"""Harbor's own settings as the spec names them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr, WithJsonSchema

# A structural schema has no type for "text, number or boolean". The models check it.
SettingValue = Annotated[
    StrictBool | StrictInt | Annotated[StrictStr, Field(max_length=65536)],
    WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True}),
]
MAX_NAME_CHARACTERS = 64
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_OWNED = ("auth_mode", "primary_auth_mode")
_OWNED_PREFIXES = ("oidc_", "ldap_")


def _check_names(settings: dict[str, StrictBool | StrictInt | StrictStr]) -> dict[str, bool | int | str]:
    if wrong := [name for name in settings if not _NAME.fullmatch(name)]:
        raise ValueError(
            f"'{wrong[0][:MAX_NAME_CHARACTERS]}' is not a name of a setting: use lower case, digits and '_'"
        )
    owned = [name for name in settings if is_owned(name)]
    if owned:
        raise ValueError(f"`{'`, `'.join(sorted(owned))}`: use the section `authentication` of the spec instead")
    return dict(settings)


def is_owned(name: str) -> bool:
    """Whether another section of the spec sets this setting: how users log in."""
    return name in _OWNED or name.startswith(_OWNED_PREFIXES)


Configuration = Annotated[dict[str, SettingValue], Field(max_length=128), AfterValidator(_check_names)]
