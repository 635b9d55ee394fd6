from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.hub_cache import check_hub_caches, hub_cache_warnings
from harbor_operator.reasons import Reason
from tests.fakes.release import registry

DEFECTIVE = "1.19.0"


def caching(*projects: str, kind: str = "docker-hub", url: str = "https://hub.docker.com") -> HarborRegistry:
    """A registry with these projects, each a proxy cache of one endpoint."""
    endpoint = {"name": "hub", "type": kind, "url": url}
    caches = [{"name": project, "proxyCache": "hub"} for project in projects]
    return registry(registries=[endpoint], projects=[*caches, {"name": "apps"}])


@pytest.mark.parametrize(
    ("installed", "version", "is_refused"),
    [
        ("", DEFECTIVE, True),
        ("1.18.4", DEFECTIVE, True),
        (DEFECTIVE, DEFECTIVE, False),
        ("", "1.19.1", False),
        (DEFECTIVE, "1.19.1", False),
    ],
)
def test_only_helm_must_not_bring_the_version_in(installed: str, version: str, *, is_refused: bool) -> None:
    refused = check_hub_caches(caching("a"), version, installed)
    assert (refused is not None) is is_refused
    assert not check_hub_caches(caching(), version, installed)


def test_the_message_names_the_defect_the_projects_and_the_remedy() -> None:
    refused = check_hub_caches(caching("a", "b"), DEFECTIVE, "")
    assert refused
    assert refused.reason is Reason.CHART_VERSION_REFUSED
    assert refused.message == (
        "chart version '1.19.0' in `spec.release.version` is refused: Docker Hub refuses its requests, so that images"
        " that are not cached yet cannot be pulled through proxy-cache projects 'a' and 'b' of `spec.projects`; use"
        " 1.19.1, 1.19.2 or 1.19.4"
    )
    (warning,) = hub_cache_warnings(caching("a"), DEFECTIVE)
    assert warning.code is Reason.CHART_VERSION_REFUSED
    assert "is defective: Docker Hub refuses its requests" in warning.message
    assert "through proxy-cache project 'a' of `spec.projects`; use 1.19.1" in warning.message
    assert hub_cache_warnings(caching("a"), "1.19.1") == hub_cache_warnings(caching(), DEFECTIVE) == ()


@pytest.mark.parametrize(
    ("kind", "url", "is_hub"),
    [
        ("docker-hub", "https://mirror.example.com", True),
        ("docker-registry", "https://docker.io", True),
        ("docker-registry", "https://Registry-1.Docker.io:443/v2/", True),
        ("docker-registry", "https://index.docker.io", True),
        ("docker-registry", "https://hub.docker.com/", True),
        ("docker-registry", "https://docker.io.example.com", False),
        ("docker-registry", "https://notdocker.io", False),
        ("docker-registry", "https://mirror.example.com/docker.io/", False),
        ("docker-registry", "https://[docker.io", False),
        ("harbor", "https://docker.io", False),
    ],
)
def test_an_endpoint_of_docker_hub_is_known_by_its_type_or_host(kind: str, url: str, *, is_hub: bool) -> None:
    assert bool(hub_cache_warnings(caching("a", kind=kind, url=url), DEFECTIVE)) is is_hub
