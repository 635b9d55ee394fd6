"""The ports of a Harbor in which nothing is written, and the sections of the spec that are planned with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, cast

from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_ports import http_harbor_ports
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.planning.harbors import (
    PlannedAccounts,
    PlannedConfiguration,
    PlannedHarbor,
    PlannedLogins,
    PlannedProbe,
    PlannedProjects,
    PlannedRegistries,
    PlannedReplications,
    PlannedSchedules,
)
from harbor_operator.kubectl.planning.policies import PlannedImmutableTags, PlannedRetention, PlannedWebhooks
from harbor_operator.kubectl.planning.recorder import Recorder
from harbor_operator.plan.schedules import plan_schedules
from harbor_operator.ports import Unavailable
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.steps.authentication import AuthenticationSection
from harbor_operator.steps.harbor_settings import SettingSection
from harbor_operator.steps.project_robots import ProjectRobotSection
from harbor_operator.steps.projects import ProjectSection
from harbor_operator.steps.registries import RegistrySection
from harbor_operator.steps.replications import ReplicationSection
from harbor_operator.steps.schedules import ScheduleSection

SECTIONS = {
    SettingSection: "spec.configuration",
    RegistrySection: "spec.registries",
    ProjectSection: "spec.projects",
    ProjectRobotSection: "spec.projects",
    ReplicationSection: "spec.replications",
    ScheduleSection: "spec.*.schedule",
    AuthenticationSection: "spec.authentication",
}
"""Where the lines of each part of Harbor's configuration are."""

SUBJECTS: Mapping[str, Callable[[HarborRegistry], list[str]]] = {
    "spec.configuration": lambda registry: [f"setting '{name}'" for name in registry.spec.configuration or ()],
    "spec.registries": lambda registry: [f"registry '{one.name}'" for one in registry.spec.registries],
    "spec.projects": lambda registry: [f"project '{one.name}'" for one in registry.spec.projects],
    "spec.replications": lambda registry: [f"replication '{one.name}'" for one in registry.spec.replications],
    "spec.*.schedule": lambda registry: [f"schedule '{one.job}'" for one in plan_schedules(registry)],
    "spec.authentication": lambda _: [],
}
"""What the spec names in each of these, as the lines of the plan name it."""


class _NotInstalled:
    """Every port of a Harbor that does not run yet."""

    def __getattr__(self, _name: str) -> Callable[..., Awaitable[NoReturn]]:
        return _not_installed


async def _not_installed(*_: object, **__: object) -> NoReturn:
    raise Unavailable("Harbor is not installed yet; the operator does this after the installation")


def planned_ports(recorder: Recorder, *, installs: bool) -> HarborPorts:
    """Returns ports that record writes; with `installs`, nothing is asked of a Harbor."""
    absent: Any = _NotInstalled()
    real = http_harbor_ports(HarborHttp())
    if installs:
        real = HarborPorts(**dict.fromkeys(HarborPorts.__slots__, absent))
    harbor, projects = PlannedHarbor(real.harbor, recorder), PlannedProjects(real.projects, recorder)
    planned = {
        "harbor": harbor,
        "probe": PlannedProbe(real.probe, harbor, recorder),
        "accounts": PlannedAccounts(real.accounts, recorder),
        "configuration": PlannedConfiguration(real.configuration, recorder),
        "logins": PlannedLogins(real.logins, recorder),
        "projects": projects,
        "registries": PlannedRegistries(real.registries, recorder),
        "immutable_tags": PlannedImmutableTags(real.immutable_tags, projects, recorder),
        "retention": PlannedRetention(real.retention, projects, recorder),
        "webhooks": PlannedWebhooks(real.webhooks, projects, recorder),
        "replications": PlannedReplications(real.replications, recorder),
        "schedules": PlannedSchedules(real.schedules, recorder),
        "provider": real.provider,
    }
    return HarborPorts(**cast("dict[str, Any]", planned))
