"""The policies of projects in memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from typing_extensions import override

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.project_policies import ObservedImmutableRule, TagSelector
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_project_policies import HarborImmutableTags
from harbor_operator.reasons import Reason


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
