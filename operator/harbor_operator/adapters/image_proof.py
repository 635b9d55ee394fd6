"""A test image in a Harbor over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, BY_NAME, PAGE, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest, HttpResponse, location_path
from harbor_operator.adapters.http_headers import content_range
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.image_proof import CONFIG, MANIFEST_TYPE, ProofFailure, ProofImage, ProofStep, digest
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.reasons import Reason

TAG = "proof"
_REASON = Reason.PROJECT_REFUSED
MAX_LAYERS = 20
MAX_WHOLE_BYTES, END_BYTES = 512 << 10, 64 << 10
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REDIRECTS = {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER, HTTPStatus.TEMPORARY_REDIRECT}
"""The registry has found the blob, and sends clients to the store (`spec.storage.s3.redirect`)."""
_MANIFEST_TYPES = (
    f"{MANIFEST_TYPE}, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)
_OCTETS = {"Content-Type": "application/octet-stream"}


class HttpImageProof(HarborApi, ImageProof):
    """The test image over HTTP."""

    @override
    async def list_repositories(self, endpoint: HarborEndpoint, project: str) -> list[str] | None:
        path = f"{API}/projects/{project}"
        found = await self._request(endpoint, HttpRequest("GET", path, headers=BY_NAME), _REASON, HTTPStatus.NOT_FOUND)
        if found.status == HTTPStatus.NOT_FOUND:
            return None
        listed = await self._request(
            endpoint, HttpRequest("GET", f"{path}/repositories", PAGE, headers=BY_NAME), _REASON
        )
        return listed.decode(lambda items: [str(item["name"]).removeprefix(f"{project}/") for item in items or []])

    @override
    async def create_project(self, endpoint: HarborEndpoint, project: str) -> None:
        body = {"project_name": project, "metadata": {"public": "false"}}
        await self._request(endpoint, HttpRequest("POST", f"{API}/projects", body=body), _REASON)

    @override
    async def push_and_pull(self, endpoint: HarborEndpoint, image: ProofImage) -> ProofFailure | None:
        return (
            await self._upload(endpoint, image, image.chunks)
            or await self._upload(endpoint, image, (CONFIG,))
            or await self._push_manifest(endpoint, image)
            or await self._pull_manifest(endpoint, image)
            or await self._read_blob(endpoint, image.path, _Descriptor(digest(image.layer), len(image.layer)))
        )

    @override
    async def remove_image(self, endpoint: HarborEndpoint, image: ProofImage) -> ProofFailure | None:
        path = f"{API}/projects/{image.project}/repositories/{image.repository}"
        removed = await self._http.send(endpoint, HttpRequest("DELETE", path, headers=BY_NAME))
        accepted = {HTTPStatus.OK, HTTPStatus.NOT_FOUND}
        return None if removed.status in accepted else _failure(ProofStep.DELETE, removed)

    @override
    async def remove_project(self, endpoint: HarborEndpoint, project: str) -> None:
        request = HttpRequest("DELETE", f"{API}/projects/{project}", headers=BY_NAME)
        await self._request(endpoint, request, _REASON, HTTPStatus.NOT_FOUND)

    @override
    async def pull(self, endpoint: HarborEndpoint, image: str) -> ProofFailure | None:
        repository, _, reference = image.rpartition(":")
        answer, manifest = await self._manifest(endpoint, repository, reference)
        if manifest and (children := _descriptors(manifest.get("manifests"))):
            answer, manifest = await self._manifest(endpoint, repository, children[0].digest)
        if manifest is None:
            return _failure(ProofStep.PULL, answer)
        for blob in _descriptors([manifest.get("config")]) + _descriptors(manifest.get("layers"))[:MAX_LAYERS]:
            if failure := await self._read_blob(endpoint, repository, blob):
                return failure
        return None

    async def _read_blob(self, endpoint: HarborEndpoint, repository: str, blob: _Descriptor) -> ProofFailure | None:
        """Reads a small blob, or the end of a large one: the registry answers HEAD from a cache.

        The end is longer than an error message, which the registry can send in the place of a few bytes.
        """
        start = blob.size - END_BYTES if blob.size > MAX_WHOLE_BYTES else 0
        headers = {"Range": f"bytes={start}-{blob.size - 1}"} if start else {}
        request = HttpRequest("GET", f"/v2/{repository}/blobs/{blob.digest}", headers=headers)
        answer = await self._http.send(endpoint, request)
        if answer.status in _REDIRECTS:
            return None
        found = content_range(answer.headers.get("Content-Range", ""))
        is_end = found == (start, blob.size) and len(answer.content) == END_BYTES
        is_sent = is_end if start else digest(answer.content) == blob.digest
        is_read = is_sent and answer.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}
        return None if is_read else _failure(ProofStep.PULL, answer)

    async def _manifest(
        self, endpoint: HarborEndpoint, repository: str, reference: str
    ) -> tuple[HttpResponse, Mapping[str, Any] | None]:
        """Returns the answer, and the manifest if its content has the digest that the answer names."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = await self._http.send(endpoint, HttpRequest("GET", path, headers={"Accept": _MANIFEST_TYPES}))
        named = answer.headers.get("Docker-Content-Digest", "")
        if answer.status != HTTPStatus.OK or digest(answer.content) != named:
            return answer, None
        return answer, answer.decode(dict)

    async def _upload(
        self, endpoint: HarborEndpoint, image: ProofImage, chunks: tuple[bytes, ...]
    ) -> ProofFailure | None:
        answer = await self._http.send(endpoint, HttpRequest("POST", f"/v2/{image.path}/blobs/uploads/"))
        path = location_path(endpoint, answer.headers.get("Location", ""))
        if answer.status != HTTPStatus.ACCEPTED or not path:
            return _failure(ProofStep.UPLOAD, answer)
        position = 0
        for chunk in chunks:
            headers = {**_OCTETS, "Content-Range": f"{position}-{position + len(chunk) - 1}"}
            answer = await self._http.send(endpoint, HttpRequest("PATCH", path, headers=headers, data=chunk))
            if answer.status != HTTPStatus.ACCEPTED:
                return await self._cancel(endpoint, path, answer)
            path = location_path(endpoint, answer.headers.get("Location", "")) or path
            position += len(chunk)
        separator = "&" if "?" in path else "?"
        last = HttpRequest("PUT", f"{path}{separator}digest={digest(b''.join(chunks))}")
        answer = await self._http.send(endpoint, last)
        return None if answer.status == HTTPStatus.CREATED else await self._cancel(endpoint, path, answer)

    async def _cancel(self, endpoint: HarborEndpoint, path: str, answer: HttpResponse) -> ProofFailure:
        await self._http.send_raw(endpoint, HttpRequest("DELETE", path))
        return _failure(ProofStep.UPLOAD, answer)

    async def _push_manifest(self, endpoint: HarborEndpoint, image: ProofImage) -> ProofFailure | None:
        path, headers = f"/v2/{image.path}/manifests/{TAG}", {"Content-Type": MANIFEST_TYPE}
        answer = await self._http.send(endpoint, HttpRequest("PUT", path, headers=headers, data=image.manifest))
        return None if answer.status == HTTPStatus.CREATED else _failure(ProofStep.MANIFEST, answer)

    async def _pull_manifest(self, endpoint: HarborEndpoint, image: ProofImage) -> ProofFailure | None:
        path = f"/v2/{image.path}/manifests/{TAG}"
        answer = await self._http.send(endpoint, HttpRequest("GET", path, headers={"Accept": f"{MANIFEST_TYPE}, */*"}))
        is_same = answer.status == HTTPStatus.OK and digest(answer.content) == digest(image.manifest)
        return None if is_same else _failure(ProofStep.PULL, answer)


@dataclass(frozen=True, slots=True)
class _Descriptor:
    """A blob or manifest that a manifest names."""

    digest: str
    size: int


def _descriptors(items: object) -> list[_Descriptor]:
    """Returns what the items name; a layer with URLs is in another registry."""
    found = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [
        _Descriptor(str(item["digest"]), int(item.get("size", 0)))
        for item in found
        if _DIGEST.fullmatch(str(item.get("digest", ""))) and not item.get("urls")
    ]


def _failure(step: ProofStep, answer: HttpResponse) -> ProofFailure:
    message = "" if answer.status < HTTPStatus.BAD_REQUEST else answer.error_message
    return ProofFailure(step, answer.status, message)
