"""Harbor's test of an LDAP server and its search for users: `/ldap`. OpenLDAP's `ldapsearch` is the client."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import precondition
from lab.harbor.reading import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.harbor.core import Core

SUCCESS, INVALID_CREDENTIALS, NO_CONNECTION = 0, 49, 255
"""The status with which `ldapsearch` ends: a result code of LDAP, or 255."""
DEFAULT_TIMEOUT_SECONDS = 5
SCOPES = ("base", "one", "sub")
SPECIAL = re.compile(r"[\\*()\x00]")


class SearchError(Exception):
    """A search that failed. Harbor answers it with 500 and no details."""


@dataclass(frozen=True)
class Search:
    """Where and what to search."""

    base: str = ""
    scope: int = 0
    filter: str = "(objectClass=*)"
    attributes: tuple[str, ...] = ("1.1",)


async def ping(request: web.Request) -> web.Response:
    """Reports whether the server accepts the account; like Harbor, only a rejected password counts as its error."""
    core = core_of(request)
    sender_of(request).require_system("configuration", "read")
    types = {"ldap_url": str, "ldap_search_dn": str, "ldap_search_password": str, "ldap_verify_cert": bool}
    body = await read_json(request, {**types, "ldap_base_dn": str, "ldap_connection_timeout": int})
    if not body.get("ldap_search_dn"):
        return _result("empty base dn")
    settings = {**body, "ldap_timeout": body.get("ldap_connection_timeout") or DEFAULT_TIMEOUT_SECONDS}
    code, _ = await _ldapsearch(core, settings, body.get("ldap_search_password") or "", Search())
    if code == NO_CONNECTION:
        return _result("ldap server network timeout")
    return _result("invalid credential" if code == INVALID_CREDENTIALS else "")


async def search(request: web.Request) -> web.Response:
    """Returns the users of this name, or all, by the stored settings. Raises SearchError."""
    core, sender = core_of(request), sender_of(request)
    sender.require_login()
    if not sender.admin:
        raise precondition("only the admin can search")
    values = await core.configuration()
    name = SPECIAL.sub(lambda found: f"\\{ord(found[0]):02x}", request.query.get("username", "")) or "*"
    uid, own = values["ldap_uid"], values["ldap_filter"].strip()
    own = own if not own or own.startswith("(") else f"({own})"
    wanted = Search(values["ldap_base_dn"], values["ldap_scope"], f"(&{own}({uid}={name}))", (uid, "cn", "mail"))
    code, output = await _ldapsearch(core, values, core.decrypt(values["ldap_search_password"]), wanted)
    if code != SUCCESS:
        raise SearchError(f"ldapsearch ended with {code}")
    return web.json_response([_user(entry, uid) for entry in output.split("\n\n") if entry.strip()])


async def _ldapsearch(core: Core, settings: Mapping[str, Any], password: str, wanted: Search) -> tuple[int, str]:
    argv = [
        core.settings.ldapsearch,
        "-x",
        "-LLL",
        "-o",
        "ldif-wrap=no",
        "-o",
        f"nettimeout={settings['ldap_timeout']}",
    ]
    argv += ["-H", settings.get("ldap_url") or "", "-D", settings["ldap_search_dn"], "-y", "/dev/stdin"]
    argv += ["-b", wanted.base, "-s", SCOPES[wanted.scope], wanted.filter, *wanted.attributes]
    env = {
        "LD_LIBRARY_PATH": core.settings.ldap_libraries,
        "LDAPTLS_CACERT": core.settings.ca_file or "",
        "LDAPTLS_REQCERT": "demand" if settings.get("ldap_verify_cert") else "never",
    }
    pipe = asyncio.subprocess.PIPE
    try:
        child = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, env=env)
    except FileNotFoundError:  # the client is on this machine only for tests with a directory
        return NO_CONNECTION, ""
    output, _ = await child.communicate(password.encode())
    return child.returncode or 0, output.decode()


def _user(entry: str, uid: str) -> dict[str, str]:
    found = dict(line.split(": ", 1) for line in entry.strip().splitlines() if ": " in line)
    return {"username": found.get(uid, ""), "realname": found.get("cn", ""), "email": found.get("mail", "")}


def _result(error: str) -> web.Response:
    message = {"message": f"error: {error}"} if error else {}
    return web.json_response(message or {"success": True})
