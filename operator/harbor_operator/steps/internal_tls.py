"""The Secrets of `spec.internalTLS`: an authority for each registry and one certificate for each process of Harbor.

With `issuerRef`, cert-manager writes them (`steps/issued_certificates.py`), and they are only read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from harbor_operator.api.charts import find_chart
from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.model.certificates import CertificateTools
from harbor_operator.model.kubernetes import TLS
from harbor_operator.model.release import UserValues
from harbor_operator.plan import names
from harbor_operator.plan.internal_tls import (
    Authorities,
    authority_values,
    certificate_secrets,
    certificate_text,
    certificate_values,
    is_due,
    is_enabled,
    plan_authorities,
    read_authorities,
    read_pair,
)
from harbor_operator.plan.issued_certificates import is_complete, issued_labels, issuer_of
from harbor_operator.plan.values.internal_tls import plan_certificates
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.own_secret import OwnSecret


class InternalCertificates:
    """Issues, renews and reads the certificates of one release; only the operator's own Secrets are used."""

    def __init__(self, kube: NamespaceResources, tools: CertificateTools, clock: Callable[[], datetime]) -> None:
        self._kube = kube
        self._tools = tools
        self._clock = clock
        self._authority = OwnSecret(kube, names.internal_tls_authority)

    async def read(self, registry: HarborRegistry, release: Release, user: Sequence[UserValues]) -> dict[str, str]:
        """Returns certificate and authorities of each process as PEM; an empty text where `ensure` has to issue."""
        if not is_enabled(registry):
            return {}
        if issuer_of(registry):
            return {each: await self._read_issued(registry, each) for each in _names(registry, release, user)}
        found = read_authorities(await self._authority.read(registry))
        planned = plan_authorities(found, self._tools, self._clock())
        is_new = found is None or planned.current != found.current
        return {
            component: "" if is_new else await self._read_text(registry, component, planned, wanted)
            for component, wanted in _names(registry, release, user).items()
        }

    async def ensure(self, registry: HarborRegistry, release: Release, user: Sequence[UserValues]) -> dict[str, str]:
        """Issues what is missing or due, and returns certificate and authorities of each process as PEM.

        What cert-manager issues is only read; an empty text where it has not, for which the release waits.
        """
        if not is_enabled(registry):
            return {}
        if issuer_of(registry):
            return await self.read(registry, release, user)
        found = read_authorities(await self._authority.read(registry))
        planned = plan_authorities(found, self._tools, self._clock())
        if planned != found:
            await self._authority.write(registry, authority_values(planned))
        texts = {}
        for component, wanted in _names(registry, release, user).items():
            text = await self._read_text(registry, component, planned, wanted)
            texts[component] = text or await self._issue(registry, component, planned, wanted)
        return texts

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the certificates and the authority."""
        owner = names.owner_labels(registry)
        for name in certificate_secrets(registry):
            await self._kube.remove_secret(registry.metadata.namespace, name, owner)

    async def _read_text(
        self, registry: HarborRegistry, component: str, authorities: Authorities, wanted: Sequence[str]
    ) -> str:
        """Returns what the pods of the process read; an empty text if another certificate has to be issued."""
        name = names.internal_tls_secret(registry, component)
        values = await OwnSecret(self._kube, lambda _: name).read(registry)
        pair = read_pair(values)
        seen = self._tools.read(pair, authorities.current) if pair else None
        if pair is None or is_due(seen, wanted, self._clock()):
            return ""
        desired = certificate_values(pair, authorities.trusted)
        return certificate_text(desired) if desired == dict(values) else ""

    async def _read_issued(self, registry: HarborRegistry, component: str) -> str:
        """Returns what the pods read from the Secret that cert-manager writes; an empty text if it is not complete."""
        name = names.internal_tls_secret(registry, component)
        stored = await self._kube.read_secret(registry.metadata.namespace, name)
        is_issued = stored is not None and stored.belongs_to(issued_labels(registry))
        return certificate_text(stored.values) if stored and is_issued and is_complete(stored.values) else ""

    async def _issue(
        self, registry: HarborRegistry, component: str, authorities: Authorities, wanted: Sequence[str]
    ) -> str:
        pair = self._tools.issue(authorities.current, wanted, self._clock())
        values = certificate_values(pair, authorities.trusted)
        name, owner = names.internal_tls_secret(registry, component), names.owner_labels(registry)
        await self._kube.apply_secret(registry.metadata.namespace, name, values, owner, TLS)
        return certificate_text(values)


def _names(registry: HarborRegistry, release: Release, sources: Sequence[UserValues]) -> Mapping[str, tuple[str, ...]]:
    """Returns the names of each process that needs a certificate; none for a chart that is not known."""
    chart = find_chart(release.version)
    return plan_certificates(registry, chart, sources) if chart else {}
