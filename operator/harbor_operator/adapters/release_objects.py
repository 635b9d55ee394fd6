"""Compares and applies the objects of a release by server-side apply, as Helm does and with the rights that it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from typing_extensions import override

from harbor_operator.adapters.kube_api import (
    ApiError,
    ApiRequest,
    Manifest,
    NotFound,
    RequestBody,
    ResourceRef,
    apply_params,
)
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_discovery import ResourceTypes
from harbor_operator.adapters.service_account_tokens import MIN_LIFETIME_SECONDS
from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import ObjectFailure, ObservedObject, ReleaseObject
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.release_identity import ReleaseIdentity
from harbor_operator.ports.release_objects import ReleaseObjects
from harbor_operator.reasons import Reason

DEADLINE_SECONDS = 60.0

FIELD_MANAGER = "helm"
"""Of every Helm since 3.2, whatever its program is called (cmd/helm/helm.go): the fields stay Helm's."""


class KubernetesReleaseObjects(ReleaseObjects):
    """Sends at most two requests for each object, one after the other."""

    def __init__(
        self, client: KubernetesClient, identity: ReleaseIdentity, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._client = client
        self._identity = identity
        self._deadline_seconds = deadline_seconds

    @override
    async def observe(
        self, namespace: str, service_account: str, objects: Sequence[ReleaseObject]
    ) -> tuple[ObservedObject, ...]:
        async with self._as_account(namespace, service_account) as session:
            return tuple([await session.observe(each) for each in objects])

    @override
    async def apply(
        self, namespace: str, service_account: str, objects: Sequence[ReleaseObject]
    ) -> tuple[ObjectFailure, ...]:
        async with self._as_account(namespace, service_account) as session:
            failures = [await session.apply(each) for each in objects]
        return tuple(failure for failure in failures if failure)

    @asynccontextmanager
    async def _as_account(self, namespace: str, service_account: str) -> AsyncIterator[_Session]:
        token = await self._identity.issue_token(namespace, service_account, MIN_LIFETIME_SECONDS)
        try:
            async with asyncio.timeout(self._deadline_seconds), self._client.as_holder(token) as client:
                yield _Session(client)
        except TimeoutError:
            seconds = f"{self._deadline_seconds:g} seconds"
            raise Unavailable(
                f"the API server did not answer for all objects of the release within {seconds}"
            ) from None


class _Session:
    """Requests with the credential of one service account."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._types = ResourceTypes(client)

    async def observe(self, desired: ReleaseObject) -> ObservedObject:
        try:
            ref = await self._locate(desired.listed)
            live = await self._client.send_plain(ApiRequest("get", ref))
            if isinstance(live, NotFound):
                return ObservedObject(desired)
            if isinstance(live, ApiError):
                return ObservedObject(desired, error=_describe(live))
            applied = await self._send(ref, desired.manifest, dry_run=True)
        except Refused as error:
            return ObservedObject(desired, error=str(error))
        if isinstance(applied, ApiError):
            return ObservedObject(desired, error=_describe(applied))
        return ObservedObject(desired, live, applied)

    async def apply(self, desired: ReleaseObject) -> ObjectFailure | None:
        try:
            answer = await self._send(await self._locate(desired.listed), desired.manifest, dry_run=False)
        except Refused as error:
            return ObjectFailure(desired.listed, str(error))
        return ObjectFailure(desired.listed, _describe(answer)) if isinstance(answer, ApiError) else None

    async def _locate(self, listed: ListedObject) -> ResourceRef:
        found = await self._types.find(listed.api_version, listed.kind)
        if found is None:
            raise Refused(
                Reason.DRIFT_UNKNOWN, f"the API server does not have the kind {listed.kind} of {listed.api_version}"
            )
        namespace = listed.namespace if found["namespaced"] else ""
        return ResourceRef(listed.api_version, found["name"], namespace, listed.name)

    async def _send(self, ref: ResourceRef, manifest: Manifest, *, dry_run: bool) -> Manifest | ApiError:
        params = {**apply_params(FIELD_MANAGER), **({"dryRun": "All"} if dry_run else {})}
        return await self._client.send_plain(ApiRequest("patch", ref, params, RequestBody.apply(manifest)))


def _describe(answer: ApiError) -> str:
    return f"the API server answered {answer.code}: {answer.message}"
