"""Everything that the steps ask of a Harbor, in one place: they get the same ports in the operator and in a plan."""

from __future__ import annotations

from dataclasses import dataclass

from harbor_operator.ports.harbor import Harbor, RegistryProbe
from harbor_operator.ports.harbor_accounts import HarborAccounts
from harbor_operator.ports.harbor_configuration import HarborConfiguration
from harbor_operator.ports.harbor_login_probe import HarborLoginProbe
from harbor_operator.ports.harbor_project_policies import HarborImmutableTags, HarborRetention, HarborWebhooks
from harbor_operator.ports.harbor_projects import HarborProjects, HarborRegistries
from harbor_operator.ports.harbor_replications import HarborReplications
from harbor_operator.ports.harbor_schedules import HarborSchedules
from harbor_operator.ports.oidc_provider import OidcProvider


@dataclass(frozen=True, slots=True)
class HarborPorts:
    """The ports of one Harbor, and that of the provider through which its users log in."""

    harbor: Harbor
    probe: RegistryProbe
    accounts: HarborAccounts
    configuration: HarborConfiguration
    logins: HarborLoginProbe
    projects: HarborProjects
    registries: HarborRegistries
    immutable_tags: HarborImmutableTags
    retention: HarborRetention
    webhooks: HarborWebhooks
    replications: HarborReplications
    schedules: HarborSchedules
    provider: OidcProvider
