"""The ports of a Harbor over HTTP."""

from __future__ import annotations

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_accounts import HttpHarborAccounts
from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_immutable_tags import HttpHarborImmutableTags
from harbor_operator.adapters.harbor_login_probe import HttpHarborLoginProbe
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.adapters.harbor_registries import HttpHarborRegistries
from harbor_operator.adapters.harbor_replications import HttpHarborReplications
from harbor_operator.adapters.harbor_retention import HttpHarborRetention
from harbor_operator.adapters.harbor_schedules import HttpHarborSchedules
from harbor_operator.adapters.harbor_webhooks import HttpHarborWebhooks
from harbor_operator.adapters.oidc_provider import HttpOidcProvider
from harbor_operator.model.egress import UNRESTRICTED, Egress
from harbor_operator.ports.harbor_ports import HarborPorts


def http_harbor_ports(http: HarborHttp, egress: Egress = UNRESTRICTED) -> HarborPorts:
    """Returns the ports, which share the connections of `http`."""
    return HarborPorts(
        harbor=HttpHarbor(http),
        probe=HttpRegistryProbe(http),
        accounts=HttpHarborAccounts(http),
        configuration=HttpHarborConfiguration(http),
        logins=HttpHarborLoginProbe(http),
        projects=HttpHarborProjects(http),
        registries=HttpHarborRegistries(http),
        immutable_tags=HttpHarborImmutableTags(http),
        retention=HttpHarborRetention(http),
        webhooks=HttpHarborWebhooks(http),
        replications=HttpHarborReplications(http),
        schedules=HttpHarborSchedules(http),
        provider=HttpOidcProvider(egress),
    )
