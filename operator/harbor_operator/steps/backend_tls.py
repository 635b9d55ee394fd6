"""The policies that let a Gateway speak TLS to a release with internal TLS."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.api.charts import find_chart
from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry, Release
from harbor_operator.checks.backend_tls import policy_failed, policy_forbidden, policy_missing, policy_refused
from harbor_operator.model.outcomes import Blocked, Outcome, StatusWarning
from harbor_operator.model.owned_objects import ObjectKind
from harbor_operator.plan import names
from harbor_operator.plan.backend_tls import (
    BACKENDS,
    CONFIG_MAP,
    POLICIES,
    needs_backend_tls,
    plan_authority,
    plan_policy,
    refused_by,
)
from harbor_operator.plan.gateway import uses_route
from harbor_operator.plan.generated_secrets import CA_KEY
from harbor_operator.plan.internal_tls import TlsComponent
from harbor_operator.plan.values.internal_tls import service_prefix
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.owned_objects import OwnedObjects
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step
from harbor_operator.steps.user_values import read_user_values


class BackendTlsReleaseStep:
    """The release step, and the BackendTLSPolicies for its route; what is wrong with them is a warning.

    Whether Harbor can be reached is proved by requests, and a Gateway can be configured in another way.
    """

    def __init__(self, release: Step, kube: NamespaceResources, objects: OwnedObjects) -> None:
        self.condition_type = release.condition_type
        self.depends_on = release.depends_on
        self._release = release
        self._kube = kube
        self._objects = objects

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns the outcome of the release, with a warning if a Gateway cannot speak TLS to it."""
        outcome, release = await self._release.reconcile(registry), registry.spec.release
        if release is None or not uses_route(registry) or isinstance(outcome, Blocked):
            return outcome
        if warning := await self._attempt(registry, release):
            return replace(outcome, warnings=(*outcome.warnings, warning))
        return outcome

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Removes the policies after the release; without the right to write them there are none."""
        outcome = await self._release.teardown(registry)
        is_removed = registry.spec.deletion_policy.release is not DeletionPolicy.RETAIN
        if registry.spec.release and is_removed and (registry.spec.internal_tls or uses_route(registry)):
            try:
                await self._remove(registry)
            except Refused as refused:
                if refused.reason is not Reason.RIGHTS_MISSING:
                    raise
        return outcome

    async def _attempt(self, registry: HarborRegistry, release: Release) -> StatusWarning | None:
        is_needed = needs_backend_tls(registry)
        try:
            if is_needed:
                return await self._ensure(registry, release)
            await self._remove(registry)
        except Refused as refused:
            if refused.reason is Reason.RIGHTS_MISSING:
                return policy_forbidden(str(refused), registry.metadata.namespace) if is_needed else None
            return policy_failed(str(refused))
        except Unavailable as unavailable:
            return policy_failed(str(unavailable))
        return None

    async def _ensure(self, registry: HarborRegistry, release: Release) -> StatusWarning | None:
        chart, sources = find_chart(release.version), await read_user_values(self._kube, registry, release)
        ca = await self._read_authority(registry)
        if chart is None or isinstance(sources, Blocked) or not ca:
            return None  # the release does not serve TLS yet
        kind = await self._served()
        if kind is None:
            return policy_missing()
        owner = names.owner_labels(registry)
        await self._objects.write(CONFIG_MAP, plan_authority(registry, ca), owner)
        full_name = service_prefix(registry, chart, sources)
        for component in BACKENDS:
            written = await self._objects.write(kind, plan_policy(registry, component, full_name), owner)
            if refused := refused_by(written):
                return policy_refused(written["metadata"]["name"], *refused)
        return None

    async def _read_authority(self, registry: HarborRegistry) -> str:
        namespace, name = registry.metadata.namespace, names.internal_tls_secret(registry, TlsComponent.CORE)
        stored = await self._kube.read_secret(namespace, name)
        found = stored.values.get(CA_KEY) if stored and stored.belongs_to(names.owner_labels(registry)) else None
        return found.get_secret_value() if found else ""

    async def _served(self) -> ObjectKind | None:
        for kind in POLICIES:
            if await self._objects.is_served(kind):
                return kind
        return None

    async def _remove(self, registry: HarborRegistry) -> None:
        namespace, owner = registry.metadata.namespace, names.owner_labels(registry)
        authority = names.backend_tls_authority(registry)
        # It is written first and removed last: without it there is no policy.
        if await self._objects.read(CONFIG_MAP, namespace, authority) is None:
            return
        if kind := await self._served():
            for component in BACKENDS:
                name = names.backend_tls_policy(registry, component)
                await self._objects.remove(kind, namespace, name, owner)
        await self._objects.remove(CONFIG_MAP, namespace, authority, owner)
