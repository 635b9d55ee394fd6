"""The settings of Harbor: `/configurations`."""

from __future__ import annotations

from aiohttp import web

from lab.harbor.access import hash_secret
from lab.harbor.configuration_values import DEFAULTS, SECRETS
from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, forbidden
from lab.harbor.reading import read_json

AUTH_MODES = {"db_auth", "ldap_auth", "uaa_auth", "http_auth", "oidc_auth"}
FIXED = "current config is init by env variable: CONFIG_OVERWRITE_JSON, it cannot be updated"


async def read(request: web.Request) -> web.Response:
    """Returns all settings except the secret ones."""
    core = core_of(request)
    sender_of(request).require_system("configuration", "read")
    values, editable = await core.configuration(), not core.settings.config_overwrite
    return web.json_response({name: {"value": values[name], "editable": editable} for name in DEFAULTS})


async def update(request: web.Request) -> web.Response:
    """Sets some settings; unknown ones are ignored, and most values are not validated."""
    core = core_of(request)
    sender_of(request).require_system("configuration", "update")
    if core.settings.config_overwrite:
        raise forbidden(FIXED)
    known = {**DEFAULTS, **SECRETS}
    body = await read_json(request, {name: type(value) for name, value in known.items()})
    if body.get("auth_mode", "db_auth") not in AUTH_MODES:
        raise bad_request(f"invalid auth mode: {body['auth_mode']}")
    stored = await core.state.get("configuration", "all") or {}
    changes = {name: value for name, value in body.items() if name in known and value is not None}
    # Harbor encrypts these; the stand-in never reads them, and PostgreSQL's log would show them.
    changes |= {name: hash_secret(changes[name]) for name in SECRETS if name in changes}
    await core.state.put("configuration", "all", {**stored, **changes})
    return web.Response()
