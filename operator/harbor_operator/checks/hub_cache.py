"""Checks of a proxy cache of Docker Hub with the chart whose core sends no User-Agent (goharbor/harbor#23025)."""

from __future__ import annotations

import re

from harbor_operator.api.projects import Registry
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason

_DEFECTIVE_VERSION = "1.19.0"
_REMEDY = "use 1.19.1, 1.19.2 or 1.19.4"
_DOCKER_HUB_URL = re.compile(r"https?://(?:(?:[^/?#:]+\.)?docker\.io|hub\.docker\.com)\.?(?:[:/?#]|$)", re.IGNORECASE)


def check_hub_caches(registry: HarborRegistry, version: str, installed: str) -> Blocked | None:
    """Returns why this chart version must not replace `installed`, which is empty before the first deployment."""
    defect = _describe_defect(registry, version)
    if not defect or installed == version:
        return None
    return Blocked(
        Reason.CHART_VERSION_REFUSED, f"chart version '{version}' in `spec.release.version` is refused: {defect}"
    )


def hub_cache_warnings(registry: HarborRegistry, version: str) -> tuple[StatusWarning, ...]:
    """Returns a warning if the chart version, which is installed, is the defective one: the rest of Harbor works."""
    defect = _describe_defect(registry, version)
    if not defect:
        return ()
    message = f"chart version '{version}' in `spec.release.version` is defective: {defect}"
    return (StatusWarning(Reason.CHART_VERSION_REFUSED, message),)


def _describe_defect(registry: HarborRegistry, version: str) -> str:
    """Returns the defect and its remedy; empty if no project of the spec is affected."""
    hubs = {one.name for one in registry.spec.registries if _is_docker_hub(one)}
    caches = [f"'{project.name}'" for project in registry.spec.projects if project.proxy_cache in hubs]
    if version != _DEFECTIVE_VERSION or not caches:
        return ""
    return (
        "Docker Hub refuses its requests, so that images that are not cached yet cannot be pulled through proxy-cache"
        f" project{'s' if len(caches) > 1 else ''} {' and '.join(caches)} of `spec.projects`; {_REMEDY}"
    )


def _is_docker_hub(endpoint: Registry) -> bool:
    """Whether Harbor pulls from Docker Hub through this endpoint."""
    return endpoint.type == "docker-hub" or (
        endpoint.type == "docker-registry" and _DOCKER_HUB_URL.match(endpoint.url) is not None
    )
