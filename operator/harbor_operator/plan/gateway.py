"""The HTTPRoute of a release: which Gateways serve it, for which hosts, and by which label it is found."""

from __future__ import annotations

from urllib.parse import urlsplit

from harbor_operator.api.expose import ROUTE
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.gateway import GatewayRef
from harbor_operator.model.hosts import parse_address
from harbor_operator.plan import names


def uses_route(registry: HarborRegistry) -> bool:
    """Whether the release has an HTTPRoute."""
    return registry.spec.release is not None and registry.spec.expose.type == ROUTE


def route_labels(registry: HarborRegistry) -> dict[str, str]:
    """Returns the label of the route; the chart has a label `managed-by` of its own there."""
    return {names.REGISTRY_NAME: names.label_value(registry.metadata.name)}


def route_selector(registry: HarborRegistry) -> str:
    """Returns the label selector of the route."""
    return names.label_selector(route_labels(registry))


def route_hosts(registry: HarborRegistry) -> list[str]:
    """Returns the host names that clients use; none, which is every host, if the external URL has an address.

    An HTTPRoute takes no address and no port, so that a list of names would leave requests to the address out.
    """
    if parse_address(urlsplit(registry.spec.external_url).hostname or ""):
        return []
    secrets = registry.spec.pull_secrets
    extra = [f"//{host}" for host in secrets.extra_hosts] if secrets else []
    found = (urlsplit(url).hostname or "" for url in (registry.spec.external_url, *extra))
    return list(dict.fromkeys(host for host in found if not parse_address(host)))


def gateways(registry: HarborRegistry) -> dict[GatewayRef, list[str]]:
    """Returns the listeners of each Gateway that the spec names; none if it names the Gateway only."""
    found: dict[GatewayRef, list[str]] = {}
    for ref in registry.spec.expose.parent_refs:
        sections = found.setdefault(GatewayRef(ref.namespace or registry.metadata.namespace, ref.name), [])
        if ref.section_name:
            sections.append(ref.section_name)
    return found
