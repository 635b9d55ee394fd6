"""The token service: `/service/token`, and the verification of its tokens."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt
from aiohttp import web

from lab.harbor.access import Principal
from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric import rsa

    from lab.harbor.core import Core

ISSUER = "harbor-token-issuer"
SERVICE = "harbor-registry"
ACTIONS = ("pull", "push", "delete")


async def issue(request: web.Request) -> web.Response:
    """Returns a token with the allowed part of the requested scopes, which can be empty."""
    sender, core = sender_of(request), core_of(request)
    if request.query.get("service") != SERVICE:
        raise bad_request(f"unable to handle service: {request.query.get('service', '')}")
    scopes = [scope for value in request.query.getall("scope", []) for scope in value.split(" ") if scope]
    if not scopes and not sender.authenticated:
        raise unauthorized()
    access = [await _allowed(core, sender, scope) for scope in scopes]
    minutes = (await core.configuration())["token_expiration"]
    now = int(time.time())
    token = _sign(core.settings.token_key, sender.name, access, now, minutes * 60)
    issued_at = datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
    body = {"token": token, "access_token": "", "expires_in": minutes * 60, "issued_at": issued_at}
    return web.json_response(body)


async def _allowed(core: Core, sender: Principal, scope: str) -> dict[str, Any]:
    """Returns the allowed part of one scope (`repository:project/name:pull,push`)."""
    parts = scope.split(":")
    if len(parts) < len(("kind", "name", "actions")):
        raise bad_request(f"invalid scope: {scope}")
    kind, name, wanted = parts[0], ":".join(parts[1:-1]), parts[-1].split(",")
    actions = await _allowed_actions(core, sender, (kind, name), wanted)
    return {"type": kind, "class": "", "name": name, "actions": actions}


async def _allowed_actions(core: Core, sender: Principal, target: tuple[str, str], wanted: Iterable[str]) -> list[str]:
    kind, name = target
    if kind == "registry":
        return [action for action in wanted if sender.admin]
    project = await core.project(name.partition("/")[0]) if kind == "repository" else None
    if project is None:
        return []
    allowed = {action for action in ACTIONS if sender.may(project, "repository", action)}
    if allowed == set(ACTIONS):
        allowed.add("*")
    return [action for action in wanted if action in allowed]


def _sign(key: rsa.RSAPrivateKey, subject: str, access: list[dict[str, Any]], now: int, seconds: int) -> str:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": SERVICE,
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
        "jti": secrets.token_hex(16),
        "access": access,
    }
    if subject:
        claims["sub"] = subject
    return jwt.encode(claims, key, algorithm="RS256")


def bearer_principal(key: rsa.RSAPrivateKey, token: str) -> Principal:
    """Returns the subject and rights of a token; anonymous if it is invalid or expired."""
    try:
        claims = jwt.decode(token, key.public_key(), algorithms=["RS256"], audience=SERVICE, issuer=ISSUER)
    except jwt.InvalidTokenError:
        return Principal()
    grants: dict[str, frozenset[str]] = {}
    for access in claims.get("access") or []:
        project = str(access["name"]).partition("/")[0]
        if access["type"] == "repository":
            grants[project] = grants.get(project, frozenset()) | frozenset(access["actions"] or [])
    return Principal(name=claims.get("sub", ""), grants=grants)
