"""The policies of one project of a Harbor."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.project_policies import (
    DesiredRetention,
    ObservedImmutableRule,
    ObservedRetention,
    TagSelector,
)
from harbor_operator.model.projects import ObservedProject
from harbor_operator.model.webhooks import ObservedWebhook, Webhook


class HarborImmutableTags(Protocol):
    """The immutable tag rules of a project; raises as the port `HarborProjects` does."""

    async def read_immutable_rules(self, endpoint: HarborEndpoint, project: str) -> list[ObservedImmutableRule]:
        """Returns every immutable tag rule of the project; one request for each hundred."""
        ...

    async def add_immutable_rule(self, endpoint: HarborEndpoint, project: str, selector: TagSelector) -> None:
        """Adds an enabled rule; raises Refused if the project has the same rule already."""
        ...

    async def enable_immutable_rule(
        self, endpoint: HarborEndpoint, project: str, rule: ObservedImmutableRule, selector: TagSelector
    ) -> None:
        """Enables the rule, which has this selector. Idempotent."""
        ...

    async def remove_immutable_rule(self, endpoint: HarborEndpoint, project: str, rule: ObservedImmutableRule) -> None:
        """Removes the rule; an absent one is a success."""
        ...


class HarborRetention(Protocol):
    """The retention policy of a project, of which there is one at most; raises as the port `HarborProjects` does."""

    async def read_retention(self, endpoint: HarborEndpoint, number: int) -> ObservedRetention:
        """Returns the policy with this id."""
        ...

    async def create_retention(
        self, endpoint: HarborEndpoint, project: ObservedProject, desired: DesiredRetention
    ) -> None:
        """Creates the policy; raises Refused if the project has one already."""
        ...

    async def update_retention(
        self, endpoint: HarborEndpoint, project: ObservedProject, desired: DesiredRetention
    ) -> None:
        """Replaces all rules and the schedule of the policy of the project. Idempotent."""
        ...


class HarborWebhooks(Protocol):
    """The webhooks of a project; raises as the port `HarborProjects` does."""

    async def read_webhooks(self, endpoint: HarborEndpoint, project: str) -> list[ObservedWebhook]:
        """Returns every webhook of the project, with its header; one request for each hundred."""
        ...

    async def add_webhook(self, endpoint: HarborEndpoint, project: str, desired: Webhook) -> None:
        """Adds the webhook; raises Refused if the project has one of that name."""
        ...

    async def update_webhook(
        self, endpoint: HarborEndpoint, project: str, observed: ObservedWebhook, desired: Webhook
    ) -> None:
        """Sets everything but the description. Idempotent."""
        ...

    async def remove_webhook(self, endpoint: HarborEndpoint, project: str, observed: ObservedWebhook) -> None:
        """Removes the webhook; an absent one is a success."""
        ...
