"""The certificates of `spec.internalTLS.issuerRef`: Certificates for cert-manager, before the release reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harbor_operator.api.charts import find_chart
from harbor_operator.api.internal_tls import IssuerRef
from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry, Release
from harbor_operator.checks.issued_certificates import (
    cert_manager_missing,
    describe_missing_right,
    not_issued,
    renewal_warning,
    unusable_issuer,
)
from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.outcomes import Blocked, Outcome, Pending, StatusWarning
from harbor_operator.plan import names
from harbor_operator.plan.internal_tls import TlsComponent
from harbor_operator.plan.issued_certificates import (
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    is_complete,
    is_self_signed,
    issued_labels,
    issuer_of,
    plan_certificate,
    read_issuance,
)
from harbor_operator.plan.values.internal_tls import plan_certificates
from harbor_operator.ports import Refused
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.owned_objects import OwnedObjects
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step
from harbor_operator.steps.user_values import read_user_values


class IssuedCertificatesReleaseStep:
    """The release step, which begins when cert-manager has issued the certificates that the spec asks it for."""

    def __init__(self, release: Step, kube: NamespaceResources, objects: OwnedObjects) -> None:
        self.condition_type = release.condition_type
        self.depends_on = release.depends_on
        self._release = release
        self._kube = kube
        self._objects = objects

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns what the certificates wait for, or else the outcome of the release."""
        release, issuer = registry.spec.release, issuer_of(registry)
        if release is None or registry.spec.internal_tls is None:
            return await self._release.reconcile(registry)
        if issuer is None:
            await self._withdraw(registry)
            return await self._release.reconcile(registry)
        try:
            found = await self._ensure(registry, release, issuer)
        except Refused as refused:
            if refused.reason is not Reason.RIGHTS_MISSING:
                raise
            return Blocked(refused.reason, describe_missing_right(str(refused), registry.metadata.namespace))
        if isinstance(found, Blocked | Pending):
            return found
        outcome = await self._release.reconcile(registry)
        return replace(outcome, warnings=(*outcome.warnings, *found))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Removes the Certificates, so that cert-manager writes no Secret again, and then the release."""
        release = registry.spec.release
        if release and registry.spec.deletion_policy.release is not DeletionPolicy.RETAIN:
            for component in TlsComponent:
                if issuer_of(registry) or await self._is_issued(registry, component):
                    await self._remove_certificate(registry, component)
        return await self._release.teardown(registry)

    async def _ensure(
        self, registry: HarborRegistry, release: Release, issuer: IssuerRef
    ) -> Sequence[StatusWarning] | Blocked | Pending:
        """Writes the Certificates; returns warnings about them, or what they wait for."""
        chart, sources = find_chart(release.version), await read_user_values(self._kube, registry, release)
        if chart is None or isinstance(sources, Blocked):
            return ()  # the release step refuses both
        if not await self._objects.is_served(CERTIFICATE):
            return cert_manager_missing()
        owner, written = names.owner_labels(registry), list[Manifest]()
        planned = plan_certificates(registry, chart, sources)
        for component, wanted in planned.items():
            manifest = plan_certificate(registry, issuer, component, wanted)
            written.append(await self._objects.write(CERTIFICATE, manifest, owner))
        issuances = [read_issuance(each, ()) for each in written]
        if not all(each.is_ready and not each.is_failed for each in issuances):
            requests = await self._objects.read_all(CERTIFICATE_REQUEST, registry.metadata.namespace)
            issuances = [read_issuance(each, requests) for each in written]
        described = f"{issuer.kind} '{issuer.name}'"
        if waiting := [each for each in issuances if not each.is_ready]:
            first = next((each for each in waiting if each.is_failed), waiting[0])
            listed = [each.name for each in waiting]
            return not_issued(described, listed, first.message, is_failed=first.is_failed)
        if blocked := await self._check_secrets(registry, described, list(planned)):
            return blocked
        return [renewal_warning(described, each.name, each.message) for each in issuances if each.is_failed]

    async def _check_secrets(
        self, registry: HarborRegistry, issuer: str, components: Sequence[str]
    ) -> Blocked | Pending | None:
        for component in components:
            name = names.internal_tls_secret(registry, component)
            stored = await self._kube.read_secret(registry.metadata.namespace, name)
            if stored is None or not stored.belongs_to(issued_labels(registry)):
                return not_issued(issuer, [name], "its Secret is not written yet", is_failed=False)
            if not is_complete(stored.values):
                return unusable_issuer(issuer, name, is_self_signed=False)
            if is_self_signed(stored.values):
                return unusable_issuer(issuer, name, is_self_signed=True)
        return None

    async def _withdraw(self, registry: HarborRegistry) -> None:
        """Removes the Certificates and Secrets of an earlier `issuerRef`: the operator issues the certificates now."""
        for component in TlsComponent:
            if await self._is_issued(registry, component):
                await self._remove_certificate(registry, component)
                name, owner = names.internal_tls_secret(registry, component), issued_labels(registry)
                await self._kube.remove_secret(registry.metadata.namespace, name, owner)

    async def _is_issued(self, registry: HarborRegistry, component: str) -> bool:
        name = names.internal_tls_secret(registry, component)
        stored = await self._kube.read_secret(registry.metadata.namespace, name)
        return stored is not None and stored.belongs_to(issued_labels(registry))

    async def _remove_certificate(self, registry: HarborRegistry, component: str) -> None:
        name, owner = names.internal_tls_secret(registry, component), names.owner_labels(registry)
        try:
            await self._objects.remove(CERTIFICATE, registry.metadata.namespace, name, owner)
        except Refused as refused:
            if refused.reason is not Reason.RIGHTS_MISSING:
                raise
            message = describe_missing_right(str(refused), registry.metadata.namespace)
            raise Refused(refused.reason, message) from None
