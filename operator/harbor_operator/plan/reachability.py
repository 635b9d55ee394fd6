"""What the reachability probes use: the repository of the upload probe, and the project of the pull probe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.reachability import probed_url
from harbor_operator.model.projects import ObservedProject

# A fixed name: all probes together leave at most one empty folder on a file system, and nothing in Swift.
PROBE_REPOSITORY = "harbor-operator-probe"
DEFAULT_PROJECT = "library"

TrialKey = tuple[str, str, int]


def needs_api(registry: HarborRegistry) -> bool:
    """Whether the operator must reach /api/; an existing account pulls with /v2/ and /service/ alone."""
    spec = registry.spec
    has_robot = spec.pull_secrets is not None and spec.pull_secrets.credential.robot is not None
    return spec.release is not None or bool(spec.projects) or has_robot


def trial_key(registry: HarborRegistry) -> TrialKey:
    """Returns the inputs that the result of an upload probe depends on: the registry, its URL and its generation."""
    return registry.metadata.uid, probed_url(registry), registry.metadata.generation


def upload_repository(registry: HarborRegistry, observed: Sequence[ObservedProject]) -> str | None:
    """Returns a repository that accepts a push, preferably in a declared project; None if no project accepts one."""
    open_to_push = [project.name for project in observed if not project.is_proxy_cache]
    candidates = [*(project.name for project in registry.spec.projects), DEFAULT_PROJECT, *open_to_push]
    return next((f"{name}/{PROBE_REPOSITORY}" for name in candidates if name in open_to_push), None)


def pull_project(registry: HarborRegistry, observed: Iterable[ObservedProject]) -> str | None:
    """Returns a project with an image that the pull credential can pull; None if there is none."""
    secrets = registry.spec.pull_secrets
    robot = secrets.credential.robot if secrets else None
    allowed = set(robot.cluster_projects) if robot else {"*"}
    return project_with_image(project for project in observed if "*" in allowed or project.name in allowed)


def project_with_image(observed: Iterable[ObservedProject]) -> str | None:
    """Returns a project with an image, a private one if there is one, because everyone can pull from a public one.

    Never a proxy-cache project: Harbor requests its manifests from another registry, which can limit the requests.
    """
    usable = (project for project in observed if project.repositories and not project.is_proxy_cache)
    chosen = min(usable, key=lambda project: project.public, default=None)
    return chosen.name if chosen else None
