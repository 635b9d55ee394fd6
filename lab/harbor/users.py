"""The user `admin`, and users who cannot log in: `/users`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from lab.harbor.access import hash_secret, is_strong, verifies
from lab.harbor.core import ADMIN_ID, core_of, sender_of
from lab.harbor.errors import bad_request, conflict, crash, forbidden, not_found, precondition
from lab.harbor.reading import read_id, read_json
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

WEAK = (
    "the password or secret must be longer than 8 chars with at least 1 uppercase letter, "
    "1 lowercase letter and 1 number"
)


def first_admin(password: str) -> Document:
    """Returns the stored form of the admin at the first boot."""
    now = timestamp()
    return {"user_id": ADMIN_ID, "username": "admin", "creation_time": now, "update_time": now} | hash_secret(password)


async def has_users(core: Core) -> bool:
    """Whether there are users besides the admin."""
    return len(await core.state.all("user")) > 1


async def current(request: web.Request) -> web.Response:
    """Returns the sender; fails for a robot, which is not a user."""
    sender = sender_of(request)
    sender.require_login()
    if not sender.admin:
        raise precondition(f"get current user not available for security context: robot, {sender.name}")
    admin = await core_of(request).state.get("user", ADMIN_ID) or {}
    shown = {name: value for name, value in admin.items() if name not in {"salt", "hash"}}
    more = {"email": "", "realname": "system admin", "comment": "admin user", "admin_role_in_auth": False}
    return web.json_response({**shown, **more, "sysadmin_flag": True})


async def create(request: web.Request) -> web.Response:
    """Creates a user of Harbor's own database, who cannot log in to the stand-in."""
    core = core_of(request)
    sender_of(request).require_system("user", "create")
    body = await read_json(request, {"username": str, "password": str, "email": str, "realname": str})
    if not is_strong(body.get("password") or ""):
        raise bad_request(WEAK)
    if await core.state.find("user", "username", body.get("username") or "") is not None:
        raise conflict(f"user {body.get('username')} already exists")
    number, now = await core.state.next_id("user"), timestamp()
    user = {"user_id": number, "username": body.get("username"), "creation_time": now, "update_time": now}
    await core.state.put("user", number, user | hash_secret(body["password"]))
    return web.Response(status=201, headers={"Location": f"/api/v2.0/users/{number}"})


async def delete(request: web.Request) -> web.Response:
    """Deletes a user."""
    core = core_of(request)
    sender_of(request).require_system("user", "delete")
    number = read_id(request, "user", "user")
    if await core.state.get("user", number) is None:
        raise not_found(f"user {number} not found")
    await core.state.remove("user", number)
    return web.Response()


async def change_password(request: web.Request) -> web.Response:
    """Changes the admin's password; requires the old one."""
    core, sender = core_of(request), sender_of(request)
    if not sender.authenticated:
        raise crash()
    if not sender.admin:
        raise forbidden()
    body = await read_json(request, {"old_password": str, "new_password": str})
    admin = await core.state.get("user", read_id(request, "user", "user"))
    if admin is None:
        raise not_found(f"user {request.match_info['user']} not found")
    if not verifies(body.get("old_password") or "", admin):
        raise forbidden("Current password is incorrect")
    new = body.get("new_password") or ""
    if verifies(new, admin):
        raise bad_request("the new password can not be same with the old one")
    if not is_strong(new):
        raise bad_request(WEAK)
    await core.state.put("user", ADMIN_ID, {**admin, **hash_secret(new), "update_time": timestamp()})
    return web.Response()
