"""The webhooks of a project."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.api.projects import Project
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.references import check_header_values, describe_secret
from harbor_operator.model.projects import ObservedProject
from harbor_operator.plan.webhooks import webhook_changes
from harbor_operator.ports.harbor_project_policies import HarborWebhooks
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.project_policies import ProjectPass, ProjectPolicy
from harbor_operator.steps.references import read_values

_FIELD = "spec.projects[].webhooks[].authHeaderSecretRef"


class Webhooks(ProjectPolicy):
    """Adds webhooks and corrects them; removes one only if the project removes what it does not list."""

    def __init__(self, kube: NamespaceResources, harbor: HarborWebhooks) -> None:
        self._kube = kube
        self._harbor = harbor

    @override
    def is_requested(self, project: Project) -> bool:
        return bool(project.webhooks)

    @override
    async def read_secrets(self, registry: HarborRegistry, project: Project) -> Mapping[str, SecretStr]:
        headers = {}
        for webhook in project.webhooks:
            if (ref := webhook.auth_header_secret_ref) is None:
                continue
            (header,) = await read_values(self._kube, registry, ref, _FIELD, [ref.key])
            where = describe_secret(registry.metadata.namespace, ref.name)
            raise_if_blocked(check_header_values(where, _FIELD, {ref.key: header}))
            headers[webhook.name] = header
        return headers

    @override
    async def reconcile(self, current: ProjectPass, project: Project, observed: ObservedProject) -> list[str]:
        headers, admin = await self.read_secrets(current.registry, project), current.admin
        changes = webhook_changes(project, headers, await self._harbor.read_webhooks(admin, project.name))
        for webhook in changes.add:
            await self._harbor.add_webhook(admin, project.name, webhook)
        for known, webhook in changes.update:
            await self._harbor.update_webhook(admin, project.name, known, webhook)
        for known in changes.remove:
            await self._harbor.remove_webhook(admin, project.name, known)
        return [f"set the webhooks of project '{project.name}'"] if changes else []
