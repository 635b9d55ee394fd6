"""The settings of Harbor: `/configurations`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.configuration_values import DEFAULTS, SECRETS
from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, forbidden
from lab.harbor.reading import read_json
from lab.harbor.users import has_users

if TYPE_CHECKING:
    from lab.harbor.core import Core

AUTH_MODES = {"db_auth", "ldap_auth", "uaa_auth", "http_auth", "oidc_auth"}
NEVER_EMPTY = ("ldap_base_dn", "ldap_uid", "ldap_url")
FIXED = "current config is init by env variable: CONFIG_OVERWRITE_JSON, it cannot be updated"


async def read(request: web.Request) -> web.Response:
    """Returns all settings except the secret ones; `auth_mode` is not editable while there are users."""
    core = core_of(request)
    sender_of(request).require_system("configuration", "read")
    values, editable = await core.configuration(), not core.settings.config_overwrite
    found = {name: {"value": values[name], "editable": editable} for name in DEFAULTS}
    found["auth_mode"]["editable"] = editable and not await has_users(core)
    return web.json_response(found)


async def update(request: web.Request) -> web.Response:
    """Sets some settings; unknown ones are ignored, and most values are not validated."""
    core = core_of(request)
    sender_of(request).require_system("configuration", "update")
    if core.settings.config_overwrite:
        raise forbidden(FIXED)
    known = {**DEFAULTS, **SECRETS}
    body = await read_json(request, {name: type(value) for name, value in known.items()})
    await _check_mode(core, body)
    if empty := [name for name in NEVER_EMPTY if body.get(name) == ""]:
        raise bad_request(f"bad request: item name {empty[0]}: the configure value can not be empty")
    stored = await core.state.get("configuration", "all") or {}
    changes = {name: value for name, value in body.items() if name in known and value is not None}
    # Harbor encrypts these; PostgreSQL's log would show them.
    changes |= {name: core.encrypt(changes[name]) for name in SECRETS if name in changes}
    await core.state.put("configuration", "all", {**stored, **changes})
    return web.Response()


async def _check_mode(core: Core, body: dict[str, Any]) -> None:
    mode = body.get("auth_mode")
    if mode is None:
        return
    if mode not in AUTH_MODES:
        raise bad_request(f"invalid auth mode: {mode}")
    if mode != (await core.configuration())["auth_mode"] and await has_users(core):
        raise bad_request("the auth mode cannot be modified as new users have been inserted into database")
