"""The sections of Configured, in the order in which they need each other."""

from __future__ import annotations

from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.authentication import AuthenticationSection
from harbor_operator.steps.configuration import ConfigurationSection
from harbor_operator.steps.harbor_settings import SettingSection
from harbor_operator.steps.immutable_tags import ImmutableTags
from harbor_operator.steps.members import Members
from harbor_operator.steps.project_policies import ProjectPolicies
from harbor_operator.steps.project_robots import ProjectRobotSection
from harbor_operator.steps.projects import ProjectSection
from harbor_operator.steps.registries import RegistrySection
from harbor_operator.steps.replications import ReplicationSection
from harbor_operator.steps.retention import Retention
from harbor_operator.steps.schedules import MeasureStorage, ScheduleSection, SearchStorage
from harbor_operator.steps.webhooks import Webhooks


def configuration_sections(
    kube: NamespaceResources,
    ports: HarborPorts,
    measure_storage: MeasureStorage,
    search_storage: SearchStorage,
    robots: ProjectRobotSection,
) -> tuple[ConfigurationSection, ...]:
    """Returns every section: registries before the projects that mirror them, and `auth_mode` last."""
    kinds = (
        Members(ports.projects),
        ImmutableTags(ports.immutable_tags),
        Retention(ports.retention),
        Webhooks(kube, ports.webhooks),
    )
    policies = ProjectPolicies(ports.projects, kinds)
    return (
        SettingSection(ports.configuration),
        RegistrySection(kube, ports.registries),
        ProjectSection(ports.harbor, ports.projects, ports.registries, policies),
        robots,
        ReplicationSection(ports.replications, ports.registries),
        ScheduleSection(ports.schedules, measure_storage, search_storage),
        AuthenticationSection(kube, ports.configuration, ports.logins, ports.provider),
    )
