"""Short-lived tokens of service accounts by the TokenRequest API, and what their holders must not read."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, Manifest, NotFound, RequestBody, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_discovery import ResourceTypes
from harbor_operator.checks.release_rights import service_account_missing, token_right_missing
from harbor_operator.model.release import ListedObject
from harbor_operator.ports import Refused, Unavailable, as_error
from harbor_operator.ports.release_identity import ReleaseIdentity
from harbor_operator.reasons import Reason

MIN_LIFETIME_SECONDS = 600
"""The API server refuses less."""
MAX_LIFETIME_SECONDS = 3 * 3600
"""Longer than the longest Helm run that a spec can ask for."""


class KubernetesReleaseIdentity(ReleaseIdentity):
    """Asks the API server for tokens with its own audience."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    @override
    async def issue_token(self, namespace: str, service_account: str, lifetime_seconds: int) -> SecretStr:
        seconds = min(max(lifetime_seconds, MIN_LIFETIME_SECONDS), MAX_LIFETIME_SECONDS)
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        ref = ResourceRef("v1", "serviceaccounts", namespace, service_account, "token")
        try:
            answer = await self._client.send_plain(ApiRequest("create", ref, body=RequestBody.plain(body)))
        except Refused as error:
            if error.reason is not Reason.RIGHTS_MISSING:
                raise
            raise as_error(token_right_missing(namespace, service_account, str(error))) from None
        if not isinstance(answer, ApiError):
            return SecretStr(answer["status"]["token"])
        if isinstance(answer, NotFound):
            raise as_error(service_account_missing(namespace, service_account))
        raise Unavailable(f"no token of service account '{namespace}/{service_account}': {answer.message}")

    @override
    async def find_unreadable(
        self, namespace: str, service_account: str, objects: Sequence[ListedObject]
    ) -> ListedObject | None:
        token = await self.issue_token(namespace, service_account, MIN_LIFETIME_SECONDS)
        async with self._client.as_holder(token) as client:
            reviews = _AccessReviews(client)
            for listed in objects:
                if not await reviews.can_read(listed):
                    return listed
        return None


class _AccessReviews:
    """Asks what the holder of a credential can read, once for each kind and namespace if that is all of them."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._types = ResourceTypes(client)
        self._answers: dict[tuple[str, str, str], bool] = {}

    async def can_read(self, listed: ListedObject) -> bool:
        resource = await self._types.find(listed.api_version, listed.kind)
        if resource is None:
            return True
        group = listed.api_version.rpartition("/")[0]
        namespace = listed.namespace if resource["namespaced"] else ""
        attributes = {"verb": "get", "group": group, "resource": resource["name"], "namespace": namespace}
        key = (group, resource["name"], namespace)
        if key not in self._answers:
            self._answers[key] = await self._review(attributes)
        return self._answers[key] or await self._review({**attributes, "name": listed.name})

    async def _review(self, attributes: Manifest) -> bool:
        version = "authorization.k8s.io/v1"
        body = {
            "apiVersion": version,
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        ref = ResourceRef(version, "selfsubjectaccessreviews")
        try:
            answer = await self._client.send_plain(ApiRequest("create", ref, body=RequestBody.plain(body)))
        except Refused as error:
            if error.reason is not Reason.RIGHTS_MISSING:
                raise
            return True  # a cluster that has taken the question itself away from service accounts
        return True if isinstance(answer, ApiError) else bool(answer["status"]["allowed"])
