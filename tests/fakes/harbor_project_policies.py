"""The policies of projects in memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from typing_extensions import override

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.project_policies import (
    DesiredRetention,
    ObservedImmutableRule,
    ObservedRetention,
    TagSelector,
)
from harbor_operator.model.projects import ObservedProject
from harbor_operator.model.webhooks import ObservedWebhook, Webhook
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_project_policies import HarborImmutableTags, HarborRetention, HarborWebhooks
from harbor_operator.reasons import Reason
from tests.fakes.harbor import FakeHarbor


class FakeHarborImmutableTags(HarborImmutableTags):
    """Rules by project; `requests` lists the projects that were read, `refuses` those whose rules cannot change."""

    def __init__(self) -> None:
        self.rules: dict[str, list[ObservedImmutableRule]] = defaultdict(list)
        self.requests: list[str] = []
        self.writes: list[str] = []
        self.refuses: set[str] = set()
        self._number = 0

    def disable(self, project: str) -> None:
        """Disables every rule of the project, as another client would."""
        self.rules[project] = [replace(rule, is_disabled=True) for rule in self.rules[project]]

    @override
    async def read_immutable_rules(self, endpoint: HarborEndpoint, project: str) -> list[ObservedImmutableRule]:
        self.requests.append(project)
        return list(self.rules[project])

    @override
    async def add_immutable_rule(self, endpoint: HarborEndpoint, project: str, selector: TagSelector) -> None:
        if project in self.refuses or any(rule.selector == selector for rule in self.rules[project]):
            raise Refused(Reason.PROJECT_REFUSED, f"immutable rule of {project} already exists")
        self._number += 1
        self.rules[project].append(ObservedImmutableRule(self._number, selector))
        self.writes.append(f"add to {project}")

    @override
    async def enable_immutable_rule(
        self, endpoint: HarborEndpoint, project: str, rule: ObservedImmutableRule, selector: TagSelector
    ) -> None:
        self.rules[project][self.rules[project].index(rule)] = replace(rule, is_disabled=False)
        self.writes.append(f"enable in {project}")

    @override
    async def remove_immutable_rule(self, endpoint: HarborEndpoint, project: str, rule: ObservedImmutableRule) -> None:
        if rule in self.rules[project]:
            self.rules[project].remove(rule)
            self.writes.append(f"remove from {project}")


class FakeHarborRetention(HarborRetention):
    """Policies by number, whose projects a FakeHarbor has; `requests` lists the numbers that were read."""

    def __init__(self, harbor: FakeHarbor) -> None:
        self._harbor = harbor
        self.policies: dict[int, ObservedRetention] = {}
        self.requests: list[int] = []
        self.writes: list[str] = []

    @override
    async def read_retention(self, endpoint: HarborEndpoint, number: int) -> ObservedRetention:
        self.requests.append(number)
        return self.policies[number]

    @override
    async def create_retention(
        self, endpoint: HarborEndpoint, project: ObservedProject, desired: DesiredRetention
    ) -> None:
        stored = self._harbor.projects[project.name]
        if "retention_id" in stored.metadata:
            raise Refused(Reason.PROJECT_REFUSED, f"project {project.number} already has retention policy")
        number = self._harbor.next_number()
        stored.metadata = {**stored.metadata, "retention_id": str(number)}
        self._set(number, desired)
        self.writes.append(f"create in {project.name}")

    @override
    async def update_retention(
        self, endpoint: HarborEndpoint, project: ObservedProject, desired: DesiredRetention
    ) -> None:
        self._set(project.retention, desired)
        self.writes.append(f"update in {project.name}")

    def _set(self, number: int, desired: DesiredRetention) -> None:
        self.policies[number] = ObservedRetention(desired.rules, desired.cron)


class FakeHarborWebhooks(HarborWebhooks):
    """Webhooks by project; `requests` lists the projects that were read."""

    def __init__(self) -> None:
        self.webhooks: dict[str, list[ObservedWebhook]] = defaultdict(list)
        self.requests: list[str] = []
        self.writes: list[str] = []
        self._number = 0

    @override
    async def read_webhooks(self, endpoint: HarborEndpoint, project: str) -> list[ObservedWebhook]:
        self.requests.append(project)
        return list(self.webhooks[project])

    @override
    async def add_webhook(self, endpoint: HarborEndpoint, project: str, desired: Webhook) -> None:
        if any(webhook.name == desired.name for webhook in self.webhooks[project]):
            raise Refused(Reason.PROJECT_REFUSED, f"notification policy named {desired.name} already exists")
        self._number += 1
        self.webhooks[project].append(ObservedWebhook(self._number, desired.name, desired))
        self.writes.append(f"add {desired.name}")

    @override
    async def update_webhook(
        self, endpoint: HarborEndpoint, project: str, observed: ObservedWebhook, desired: Webhook
    ) -> None:
        webhooks = self.webhooks[project]
        webhooks[webhooks.index(observed)] = replace(observed, webhook=desired)
        self.writes.append(f"update {desired.name}")

    @override
    async def remove_webhook(self, endpoint: HarborEndpoint, project: str, observed: ObservedWebhook) -> None:
        if observed in self.webhooks[project]:
            self.webhooks[project].remove(observed)
            self.writes.append(f"remove {observed.name}")
