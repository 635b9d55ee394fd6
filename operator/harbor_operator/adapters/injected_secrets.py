"""InjectedSecrets on the Kubernetes API."""

from __future__ import annotations

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import OBJECTS
from harbor_operator.plan.docker_config import DOCKER_CONFIG_TYPE
from harbor_operator.ports import Unavailable
from harbor_operator.ports.injected_secrets import InjectedSecrets


class KubernetesInjectedSecrets(InjectedSecrets):
    """Reads with a list of one namespace and one name: the roles allow `list` and `watch` of these names, not `get`."""

    def __init__(self, http: KubernetesClient) -> None:
        self._http = http

    @override
    async def read_pull_secret(self, namespace: str, name: str) -> SecretStr | None:
        request = ApiRequest("list", ResourceRef("v1", "secrets", namespace, name))
        page = await self._http.send(request, OBJECTS.page)
        if isinstance(page, ApiError):
            raise Unavailable(f"the API server answered {page.code} to {request.describe()}")
        if not page.items:
            return None
        found = page.items[0]
        return SecretStr(found.data.docker_config if found.data and found.type == DOCKER_CONFIG_TYPE else "")
