"""The policies of projects: reads are real, and writes are recorded. A project that the plan creates has none."""

from __future__ import annotations

from typing import Any

from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.differences import described, differences, shown
from harbor_operator.kubectl.planning.harbors import PlannedProjects
from harbor_operator.kubectl.planning.recorder import RecordedPort, Recorder
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.project_policies import (
    DesiredRetention,
    ObservedImmutableRule,
    ObservedRetention,
    TagSelector,
)
from harbor_operator.model.projects import ObservedProject
from harbor_operator.model.webhooks import ObservedWebhook, Webhook


class _PlannedPolicies(RecordedPort):
    def __init__(self, port: Any, projects: PlannedProjects, recorder: Recorder) -> None:
        super().__init__(port, recorder)
        self._projects = projects

    def _record(self, project: str, *details: str) -> None:
        self._recorder.record(Action.CHANGE, f"project '{project}'", details)


class PlannedImmutableTags(_PlannedPolicies):
    """The immutable tag rules of projects."""

    async def read_immutable_rules(self, endpoint: HarborEndpoint, project: str) -> list[ObservedImmutableRule]:
        """Returns the rules of a project."""
        if project in self._projects.created:
            return []
        found: list[ObservedImmutableRule] = await self._port.read_immutable_rules(endpoint, project)
        return found

    async def add_immutable_rule(self, _endpoint: HarborEndpoint, project: str, selector: TagSelector) -> None:
        """Records the rule."""
        self._record(project, f"immutable tags: add {shown(selector)}")

    async def enable_immutable_rule(
        self, _endpoint: HarborEndpoint, project: str, _rule: ObservedImmutableRule, selector: TagSelector
    ) -> None:
        """Records that the rule is enabled."""
        self._record(project, f"immutable tags: enable {shown(selector)}")

    async def remove_immutable_rule(self, _endpoint: HarborEndpoint, project: str, rule: ObservedImmutableRule) -> None:
        """Records the removal."""
        self._record(project, f"immutable tags: remove {shown(rule.selector) if rule.selector else rule.number}")


class PlannedRetention(_PlannedPolicies):
    """The tag retention of projects."""

    _observed: ObservedRetention | None = None

    async def read_retention(self, endpoint: HarborEndpoint, number: int) -> ObservedRetention:
        """Returns a policy."""
        found: ObservedRetention = await self._port.read_retention(endpoint, number)
        self._observed = found
        return found

    async def create_retention(
        self, _endpoint: HarborEndpoint, project: ObservedProject, desired: DesiredRetention
    ) -> None:
        """Records the policy."""
        self._record(project.name, *(f"retention: {detail}" for detail in described(desired)))

    async def update_retention(
        self, _endpoint: HarborEndpoint, project: ObservedProject, desired: DesiredRetention
    ) -> None:
        """Records what differs."""
        self._record(project.name, *(f"retention: {detail}" for detail in differences(self._observed, desired)))


class PlannedWebhooks(_PlannedPolicies):
    """The webhooks of projects."""

    async def read_webhooks(self, endpoint: HarborEndpoint, project: str) -> list[ObservedWebhook]:
        """Returns the webhooks of a project."""
        if project in self._projects.created:
            return []
        found: list[ObservedWebhook] = await self._port.read_webhooks(endpoint, project)
        return found

    async def add_webhook(self, _endpoint: HarborEndpoint, project: str, desired: Webhook) -> None:
        """Records the webhook."""
        self._record(project, f"webhook '{desired.name}': add {shown(desired)}")

    async def update_webhook(
        self, _endpoint: HarborEndpoint, project: str, observed: ObservedWebhook, desired: Webhook
    ) -> None:
        """Records what differs."""
        details = differences(observed.webhook, desired) if observed.webhook else described(desired)
        self._record(project, *(f"webhook '{desired.name}': {detail}" for detail in details))

    async def remove_webhook(self, _endpoint: HarborEndpoint, project: str, observed: ObservedWebhook) -> None:
        """Records the removal."""
        self._record(project, f"webhook '{observed.name}': removed")
