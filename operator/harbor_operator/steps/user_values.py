"""The user's own values of the chart: those of `spec.release.valuesFrom`, then those of `spec.release.values`."""

from __future__ import annotations

import asyncio

from harbor_operator.api.base import SecretRef
from harbor_operator.api.v1alpha1 import HarborRegistry, Release, ValuesFrom
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import UserValues
from harbor_operator.plan.values.parsing import parse_values
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps.outcomes import BlockedError
from harbor_operator.steps.references import read_values


async def read_user_values(
    kube: NamespaceResources, registry: HarborRegistry, release: Release
) -> tuple[UserValues, ...] | Blocked:
    """Returns the values of each source, or why one cannot be parsed; BlockedError if a source does not exist."""
    sources: list[UserValues] = []
    for number, source in enumerate(release.values_from):
        origin = f"{source.kind} '{source.name}' key '{source.key}'"
        text = await _read_text(kube, registry, source, f"spec.release.valuesFrom[{number}]")
        # In a thread: a tenant writes the text, and the event loop serves every registry.
        parsed = await asyncio.to_thread(parse_values, origin, text, secret=source.kind == "Secret")
        if isinstance(parsed, Blocked):
            return parsed
        sources.append(parsed)
    return (*sources, UserValues("`spec.release.values`", release.values))


async def _read_text(kube: NamespaceResources, registry: HarborRegistry, source: ValuesFrom, field: str) -> str:
    if source.kind == "Secret":
        (value,) = await read_values(kube, registry, SecretRef(name=source.name), field, [source.key])
        return value.get_secret_value()
    data = await kube.read_config_map(registry.metadata.namespace, source.name)
    if data is None or source.key not in data:
        message = (
            f"ConfigMap '{source.name}' in namespace '{registry.metadata.namespace}', named by `{field}`, has no"
            f" key '{source.key}': add it"
        )
        raise BlockedError(Blocked(Reason.VALUES_INVALID, message))
    return data[source.key]
