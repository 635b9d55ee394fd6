"""Which trials a reachability check makes: where to push a body that is thrown away, and where to look for an image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import ObservedProject

# One fixed name: however often it is tried, at most one empty folder is left on a file system, and none on Swift.
PROBE_REPOSITORY = "harbor-operator-probe"
DEFAULT_PROJECT = "library"

TrialKey = tuple[str, str, int]


def trial_key(registry: HarborRegistry) -> TrialKey:
    """What an upload trial holds good for: this registry, at this URL, as it is wished now."""
    return registry.metadata.uid, registry.spec.external_url, registry.metadata.generation


def upload_repository(registry: HarborRegistry, observed: Sequence[ObservedProject]) -> str | None:
    """A repository that takes a push, in a declared project if one is there; None = there is nowhere to push."""
    open_to_push = [project.name for project in observed if not project.is_proxy_cache]
    wished = [*(project.name for project in registry.spec.projects), DEFAULT_PROJECT, *open_to_push]
    return next((f"{name}/{PROBE_REPOSITORY}" for name in wished if name in open_to_push), None)


def pull_project(registry: HarborRegistry, observed: Iterable[ObservedProject]) -> str | None:
    """A project that holds an image which the distributed credential may pull; None = there is none."""
    secrets = registry.spec.pull_secrets
    robot = secrets.credential.robot if secrets else None
    allowed = set(robot.projects) if robot else {"*"}
    return next((one.name for one in observed if one.repositories and ("*" in allowed or one.name in allowed)), None)
