"""The repositories of a project, recorded when a manifest is pushed."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import not_found
from lab.harbor.projects import named_in_path
from lab.harbor.reading import page
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.harbor.core import Core
    from lab.harbor.state import Document


async def record_manifest(core: Core, name: str, digest: str, manifest: bytes) -> None:
    """Records that the repository contains this manifest, and the sizes of its parts."""
    await _record_blobs(core, digest, manifest)
    known = await core.state.get("repository", name)
    project = await core.project(name.partition("/")[0])
    if project is None:
        return
    now = timestamp()
    body = known or {
        "id": zlib.crc32(name.encode()),
        "name": name,
        "project_id": project["project_id"],
        "digests": [],
        "creation_time": now,
    }
    digests = sorted({*body["digests"], digest})
    await core.state.put("repository", name, {**body, "digests": digests, "update_time": now})


async def _record_blobs(core: Core, digest: str, manifest: bytes) -> None:
    parts = sizes_of(manifest)
    for blob, size in parts.items():
        await core.state.put("blob", blob, {"digest": blob, "size": size, "parts": []})
    await core.state.put("blob", digest, {"digest": digest, "size": len(manifest), "parts": sorted(parts)})


def sizes_of(manifest: bytes) -> dict[str, int]:
    """Returns the size of each layer and of the configuration, by digest."""
    described = json.loads(manifest)
    return {part["digest"]: part["size"] for part in [described.get("config"), *described.get("layers", [])] if part}


async def forget_manifest(core: Core, name: str, digest: str) -> None:
    """Records that the repository no longer contains this manifest; its layers stay until garbage collection."""
    repository = await core.state.get("repository", name)
    if repository is not None:
        digests = [one for one in repository["digests"] if one != digest]
        await core.state.put("repository", name, {**repository, "digests": digests, "update_time": timestamp()})


async def unreferenced_blobs(core: Core) -> list[Document]:
    """Returns the manifests that no repository contains, and the layers that no other manifest has."""
    blobs = {blob["digest"]: blob for blob in await core.state.all("blob")}
    kept = _referenced(blobs, await core.state.all("repository"))
    return [blob for digest, blob in blobs.items() if digest not in kept]


async def project_blobs(core: Core, project: Document) -> dict[str, int]:
    """Returns the size of each manifest and layer of the project, by digest."""
    blobs = {blob["digest"]: blob for blob in await core.state.all("blob")}
    own = [one for one in await core.state.all("repository") if one["project_id"] == project["project_id"]]
    return {digest: blobs[digest]["size"] for digest in _referenced(blobs, own)}


def _referenced(blobs: Mapping[str, Document], repositories: Iterable[Document]) -> set[str]:
    manifests = {digest for repository in repositories for digest in repository["digests"]}
    return manifests | {part for digest in manifests for part in blobs[digest]["parts"]}


async def stored_bytes(core: Core) -> int:
    """Returns the size of all blobs, each counted once."""
    return sum(blob["size"] for blob in await core.state.all("blob"))


async def index(request: web.Request) -> web.Response:
    """Returns the repositories of a project."""
    core, project = core_of(request), await named_in_path(request)
    sender_of(request).require(project, "repository", "list")
    own = [one for one in await core.state.all("repository") if one["project_id"] == project["project_id"]]
    return page(request, [_shown(one) for one in own])


def _shown(repository: dict[str, object]) -> dict[str, object]:
    digests = repository["digests"]
    shown = {name: value for name, value in repository.items() if name != "digests"}
    return {**shown, "artifact_count": len(digests) if isinstance(digests, list) else 0}


async def remove(request: web.Request) -> web.Response:
    """Deletes a repository with its manifests; layers stay until garbage collection."""
    core, project = core_of(request), await named_in_path(request)
    sender_of(request).require(project, "repository", "delete")
    name = f"{project['name']}/{unquote(request.match_info['repository'])}"
    repository = await core.state.get("repository", name)
    if repository is None:
        raise not_found(f"repository {name} not found")
    credential = aiohttp.encode_basic_auth(*core.settings.registry_credential)
    for digest in repository["digests"]:
        url = f"{core.settings.registry_url}/v2/{name}/manifests/{digest}"
        async with core.http.delete(url, headers={"Authorization": credential}):
            pass
    await core.state.remove("repository", name)
    return web.Response()
