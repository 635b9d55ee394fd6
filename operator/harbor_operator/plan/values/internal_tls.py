"""Section `internalTLS`: the Secrets with the certificates, and what restarts the pods that read them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from harbor_operator.api.charts import ChartSupport, Feature
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.chart_names import full_name
from harbor_operator.model.release import Tree, UserValues
from harbor_operator.plan import names
from harbor_operator.plan.internal_tls import TlsComponent, certificate_names, is_enabled
from harbor_operator.plan.values.inputs import Inputs
from harbor_operator.plan.values.paths import unwrap, value_at
from harbor_operator.plan.values.user import merge_values

# What the chart derives the names of its Services from.
_NAME_KEYS = ("fullnameOverride", "nameOverride")

_OPTIONAL = {
    TlsComponent.TRIVY: Feature.TRIVY,
    TlsComponent.CHARTMUSEUM: Feature.CHARTMUSEUM,
    TlsComponent.CLAIR: Feature.CLAIR,
}


def internal_tls_values(inputs: Inputs) -> Tree:
    """Returns the names of the Secrets, and for each process an annotation that changes with its certificate."""
    if not is_enabled(inputs.registry):
        return {}
    certificates = inputs.release_secrets.certificates
    section: Tree = {
        component: {"secretName": names.internal_tls_secret(inputs.registry, component)} for component in certificates
    }
    values: Tree = {"internalTLS": {"enabled": True, "certSource": "secret", **section}}
    readers = dict(certificates)
    if inputs.chart.supports(Feature.EXPORTER) and TlsComponent.CORE in certificates:
        readers["exporter"] = certificates[TlsComponent.CORE]  # it mounts the Secret of core
    for component, text in readers.items():
        digest = inputs.release_secrets.keyed_digest(text)
        values[component] = {"podAnnotations": {names.CERTIFICATE_DIGEST: digest}}
    return values


def plan_certificates(
    registry: HarborRegistry, chart: ChartSupport, sources: Sequence[UserValues]
) -> dict[str, tuple[str, ...]]:
    """Returns the processes of the release that need a certificate, each with the names in it."""
    user, full = _merged(sources), service_prefix(registry, chart, sources)
    return {
        str(component): certificate_names(registry, component, full)
        for component in TlsComponent
        if _runs(component, chart, user)
    }


def service_prefix(registry: HarborRegistry, chart: ChartSupport, sources: Sequence[UserValues]) -> str:
    """Returns what the names of the Services of the release begin with."""
    user = _merged(sources)
    return full_name(names.release(registry), chart.minor, {key: unwrap(user.get(key)) for key in _NAME_KEYS})


def _merged(sources: Sequence[UserValues]) -> Tree:
    return reduce(merge_values, (source.tree for source in sources), Tree())


def _runs(component: TlsComponent, chart: ChartSupport, user: Tree) -> bool:
    feature = _OPTIONAL.get(component)
    return feature is None or (chart.supports(feature) and value_at(user, (component, "enabled")) is True)
