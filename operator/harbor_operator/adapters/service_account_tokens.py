"""Short-lived tokens of service accounts by the TokenRequest API."""

from __future__ import annotations

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, NotFound, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.checks.release_rights import service_account_missing, token_right_missing
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.release_identity import ReleaseIdentity
from harbor_operator.reasons import Reason

MIN_LIFETIME_SECONDS = 600
"""The API server refuses less."""
MAX_LIFETIME_SECONDS = 3 * 3600
"""Longer than the longest Helm run that a spec can ask for."""


class KubernetesReleaseIdentity(ReleaseIdentity):
    """Asks the API server for tokens with its own audience."""

    def __init__(self, http: KubernetesClient) -> None:
        self._http = http

    @override
    async def issue_token(self, namespace: str, service_account: str, lifetime_seconds: int) -> SecretStr:
        seconds = min(max(lifetime_seconds, MIN_LIFETIME_SECONDS), MAX_LIFETIME_SECONDS)
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        try:
            answer = await self._http.request("POST", path, body=RequestBody.plain(request))
        except Refused as error:
            if error.reason is not Reason.RIGHTS_MISSING:
                raise
            finding = token_right_missing(namespace, service_account, str(error))
            raise Refused(finding.reason, finding.message) from None
        if not isinstance(answer, ApiError):
            return SecretStr(answer["status"]["token"])
        if isinstance(answer, NotFound):
            finding = service_account_missing(namespace, service_account)
            raise Refused(finding.reason, finding.message)
        raise Unavailable(f"no token of service account '{namespace}/{service_account}': {answer.message}")
