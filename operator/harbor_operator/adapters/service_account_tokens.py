"""Short-lived tokens of service accounts by the TokenRequest API."""

from __future__ import annotations

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, NotFound, RequestBody, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.checks.release_rights import service_account_missing, token_right_missing
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
