"""Which resource a kind is, as the API server describes its groups."""

from __future__ import annotations

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, Manifest, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason


class ResourceTypes:
    """Asks once for each group and version."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._groups: dict[str, dict[str, Manifest]] = {}

    async def find(self, api_version: str, kind: str) -> Manifest | None:
        """Returns the `APIResource` of the kind; None if the server does not have it or does not describe the group.

        Raises Unavailable when the server does not answer.
        """
        if api_version not in self._groups:
            answer = await self._describe(api_version)
            found = answer["resources"] if answer else []
            self._groups[api_version] = {entry["kind"]: entry for entry in found if "/" not in entry["name"]}
        return self._groups[api_version].get(kind)

    async def _describe(self, api_version: str) -> Manifest | None:
        try:
            answer = await self._client.send_plain(ApiRequest("get", ResourceRef(api_version, "")))
        except Refused as error:
            if error.reason is not Reason.RIGHTS_MISSING:
                raise
            return None
        return None if isinstance(answer, ApiError) else answer
