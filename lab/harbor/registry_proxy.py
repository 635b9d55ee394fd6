"""`/v2/`: checks authorisation, then forwards to the real registry with the registry credential of the release.

As in Harbor, the registry receives the client's Host and forwarding headers, and builds the upload Location from them.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from lab.harbor.audit_logs import record
from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import HarborError
from lab.harbor.quotas import require_room
from lab.harbor.repositories import forget_manifest, record_manifest
from lab.harbor.tokens import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from multidict import CIMultiDictProxy

    from lab.harbor.access import Principal
    from lab.harbor.core import Core

HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "authorization", "expect"}
REPOSITORY = re.compile(r"/v2/(?P<name>.+?)/(?P<part>manifests|blobs|tags)/(?P<rest>.*)")
ACTION_OF = {"GET": "pull", "HEAD": "pull", "POST": "push", "PUT": "push", "PATCH": "push", "DELETE": "delete"}
CHUNK_BYTES = 1 << 18
BASIC = 'Basic realm="harbor"'


async def serve(request: web.Request) -> web.StreamResponse:
    """Returns the registry's answer, or an authorisation error."""
    core, match = core_of(request), REPOSITORY.fullmatch(request.path)
    if match is not None:
        await _require_repository(request, match["name"])
    elif request.path == "/v2/_catalog":
        _require_admin(sender_of(request))
    elif not sender_of(request).authenticated:
        _refuse("unauthorized", _challenge(request, []))
    return await _forward(core, request, match)


async def _require_repository(request: web.Request, name: str) -> None:
    core = core_of(request)
    wanted = [(name, ACTION_OF.get(request.method, "pull"))]
    if source := request.query.get("from"):
        wanted.append((source, "pull"))
    for repository, action in wanted:
        if request.method in {"GET", "HEAD"} and "Authorization" not in request.headers:
            _refuse("authorize header needed to send HEAD to repository", _challenge(request, wanted))
        project = await core.project(repository.partition("/")[0])
        if project is None:
            _refuse(f"project {repository.partition('/')[0]} not found", "")
        if not sender_of(request).may(project, "repository", action):
            message = f"unauthorized to access repository: {repository}, action: {action}"
            _refuse(message, _challenge(request, wanted))


def _require_admin(sender: Principal) -> None:
    if not sender.admin:
        _refuse("unauthorized to list catalog", BASIC)


def _challenge(request: web.Request, wanted: Iterable[tuple[str, str]]) -> str:
    """Returns the challenge; the token service has the host of the request and the scheme of the external URL."""
    if "Authorization" in request.headers:
        return BASIC
    settings = core_of(request).settings
    scheme = urlsplit(settings.external_url).scheme
    url = settings.core_url if urlsplit(settings.core_url).netloc == request.host else f"{scheme}://{request.host}"
    scope = " ".join(f"repository:{name}:{action}" for name, action in wanted)
    start = f'Bearer realm="{url}/service/token",service="{SERVICE}"'
    return f'{start},scope="{scope}"' if scope else start


def _refuse(message: str, challenge: str) -> NoReturn:
    """Raises 401 with the challenge that names the token service."""
    headers = {"Docker-Distribution-Api-Version": "registry/2.0", "Www-Authenticate": challenge}
    raise HarborError(401, "UNAUTHORIZED", f"{message}: {message}", headers)  # as Harbor, which says it twice


async def _forward(core: Core, request: web.Request, match: re.Match[str] | None) -> web.StreamResponse:
    """Streams the request to the registry and the answer back."""
    url = URL(core.settings.registry_url + request.raw_path, encoded=True)
    is_manifest = match is not None and match["part"] == "manifests"
    manifest = await request.read() if is_manifest else b""
    body = request.content if request.body_exists and not is_manifest else manifest
    if match is not None and is_manifest and request.method == "PUT":
        await require_room(core, match["name"], manifest)
    headers = _forwarded(request.headers)
    headers["Authorization"] = aiohttp.encode_basic_auth(*core.settings.registry_credential)
    try:
        answer = await core.http.request(
            request.method, url, headers=headers, data=body, allow_redirects=False, ssl=core.registry_ssl
        )
    except aiohttp.ClientConnectionError:
        return web.Response(status=502)
    async with answer:
        if match is not None and is_manifest and answer.status == HTTPStatus.CREATED:
            digest = answer.headers.get("Docker-Content-Digest", match["rest"])
            await record_manifest(core, match["name"], digest, manifest)
            await record(core, sender_of(request), "create", match["name"], match["rest"])
        if match is not None and is_manifest and (request.method, answer.status) == ("DELETE", HTTPStatus.ACCEPTED):
            await forget_manifest(core, match["name"], match["rest"])
        # Harbor records no pull for a HEAD request, of which each pull of a tag has one.
        is_pull = (request.method, answer.status) == ("GET", HTTPStatus.OK)
        if is_pull and match is not None and is_manifest:
            await record(core, sender_of(request), "pull", match["name"], match["rest"])
        # A client that expects "100 Continue" gets 200 for every success, because core passes the registry's interim
        # answer on as if it were the final one.
        is_interim = "Expect" in request.headers and body != b"" and answer.ok
        status = HTTPStatus.OK if is_interim else answer.status
        response = web.StreamResponse(status=status, headers=_forwarded(answer.headers))
        await response.prepare(request)
        if request.method != "HEAD":
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                await response.write(chunk)
        await response.write_eof()
        return response


def _forwarded(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Returns the headers to forward; clients repeat some, such as Accept."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP)
