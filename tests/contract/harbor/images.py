"""Push and pull with the distribution API and tokens, as a container runtime does."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt

if TYPE_CHECKING:
    from tests.contract.harbor.client import Answer, HarborClient, Login

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Challenge:
    """A parsed `Www-Authenticate: Bearer` header."""

    realm: str
    service: str
    scope: str


def challenge_of(answer: Answer) -> Challenge:
    """Returns the challenge of an answer."""
    parts = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["Www-Authenticate"]))
    return Challenge(parts["realm"], parts["service"], parts.get("scope", ""))


async def bearer(harbor: HarborClient, login: Login | None, *scopes: str) -> dict[str, str]:
    """Requests a token with these scopes, and returns it as a header."""
    answer = await harbor.token(login, *scopes)
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def claims_of(answer: Answer) -> dict[str, Any]:
    """Returns the claims of a token without verification of its signature."""
    claims: dict[str, Any] = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    return claims


def actions_of(answer: Answer) -> list[str]:
    """Returns the actions of a token with one scope."""
    return sorted(claims_of(answer)["access"][0]["actions"] or [])


async def push(harbor: HarborClient, login: Login, repository: str, layer: bytes) -> str:
    """Pushes an image with one layer as `latest`, and returns its digest."""
    answer = await try_push(harbor, login, repository, layer)
    assert answer.status == 201, answer.body
    return answer.headers["Docker-Content-Digest"]


async def try_push(harbor: HarborClient, login: Login, repository: str, layer: bytes) -> Answer:
    """Pushes the blobs of an image, and returns the answer to its manifest."""
    headers = await bearer(harbor, login, f"repository:{repository}:pull,push")
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    blobs = ((config, CONFIG), (layer, LAYER))
    described = [await _push_blob(harbor, headers, repository, blob) for blob in blobs]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
    return await put_manifest(harbor, headers, repository, json.dumps(manifest).encode())


async def put_manifest(harbor: HarborClient, headers: dict[str, str], repository: str, manifest: bytes) -> Answer:
    """Sends a manifest as `latest`."""
    path = f"/v2/{repository}/manifests/latest"
    return await harbor.call("PUT", path, manifest, headers={**headers, "Content-Type": MANIFEST})


async def _push_blob(
    harbor: HarborClient, headers: dict[str, str], repository: str, blob: tuple[bytes, str]
) -> dict[str, Any]:
    content, kind = blob
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    started = await harbor.call("POST", f"/v2/{repository}/blobs/uploads/", headers=headers)
    assert started.status == 202, started.body
    sent = {**headers, "Content-Type": "application/octet-stream"}
    patched = await harbor.call("PATCH", _path(started), content, headers=sent)
    assert patched.status == 202, patched.body
    end = _path(patched)
    closing = f"{end}{'&' if '?' in end else '?'}digest={digest}"
    finished = await harbor.call("PUT", closing, headers={**headers, "Content-Length": "0"})
    assert finished.status == 201, finished.body
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def _path(answer: Answer) -> str:
    location = urlsplit(answer.headers["Location"])
    return f"{location.path}?{location.query}" if location.query else location.path
