"""Configured: Harbor's own configuration is as the spec describes it, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Protocol, runtime_checkable

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import (
    NOT_REQUESTED,
    NOTHING,
    Blocked,
    CollectionFacts,
    ConditionType,
    Done,
    Facts,
    Outcome,
    Pending,
    ProjectRobotFacts,
)
from harbor_operator.ports import Refused
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.harbor_access import read_access
from harbor_operator.steps.outcomes import BlockedError


class ConfigurationSection(Protocol):
    """One section of the spec that describes a part of Harbor's configuration."""

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec has the section; if not, nothing is read and nothing is written."""
        ...

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Pending | Blocked:
        """Observes, plans, writes the difference; what the spec does not name stays as it is in Harbor."""
        ...


@runtime_checkable
class StoringSection(Protocol):
    """A section that remembers something of a registry, in a Secret of the operator's own or in memory."""

    async def remove(self, registry: HarborRegistry) -> None:
        """Forgets it; what the section has configured stays in Harbor."""
        ...


class ConfigurationStep:
    """Reconciles the sections in order; one that is blocked does not stop the next."""

    condition_type = ConditionType.CONFIGURATION
    depends_on = (ConditionType.REACHABILITY,)

    def __init__(
        self, kube: NamespaceResources, password: AdminPassword, sections: Sequence[ConfigurationSection]
    ) -> None:
        self._kube = kube
        self._password = password
        self._sections = sections

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Reconciles every section that the spec has."""
        requested = [section for section in self._sections if section.is_requested(registry)]
        if not requested and not has_password(registry):
            return NOT_REQUESTED
        access = await read_access(self._kube, registry)
        admin = await self._password.ensure(registry, access)
        outcomes = [await _attempt(section, registry, admin.endpoint) for section in requested]
        outcomes.append(Done("", warnings=admin.warnings, changes=admin.changes))
        if registry.spec.garbage_collection is None:  # the status must not keep what the spec has dropped
            outcomes.append(Done("", facts=Facts(garbage_collection=CollectionFacts(""))))
        if not any(project.robots for project in registry.spec.projects):
            outcomes.append(Done("", facts=Facts(project_robots=ProjectRobotFacts())))
        return combine(outcomes)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Retains every project and setting: projects hold images, and the operator never deletes those."""
        await self._password.remove(registry)
        for section in self._sections:
            if isinstance(section, StoringSection):
                await section.remove(registry)
        return Done(f"{len(registry.spec.projects)} projects are retained")


_NOTHING_ELSE = "the administrator's password is accepted; the spec configures nothing else"


def has_password(registry: HarborRegistry) -> bool:
    """Whether the operator looks after the administrator's password: it is given, or the operator installs Harbor."""
    return registry.spec.admin_password_secret_ref is not None or registry.spec.release is not None


async def _attempt(
    section: ConfigurationSection, registry: HarborRegistry, admin: HarborEndpoint
) -> Done | Pending | Blocked:
    """Returns the outcome of a section; a Harbor that does not answer ends the pass with Unavailable."""
    try:
        return await section.reconcile(registry, admin)
    except BlockedError as error:
        return error.outcome
    except Refused as error:
        return Blocked(error.reason, str(error))


def combine(outcomes: Sequence[Done | Pending | Blocked]) -> Done | Pending | Blocked:
    """Returns one outcome: Blocked if any section is, with every cause, and with the facts of all sections.

    A section in progress comes first: it may be what blocks another one, and it asks for the next pass.
    """
    pending = [outcome for outcome in outcomes if isinstance(outcome, Pending)]
    blocked = [outcome for outcome in outcomes if isinstance(outcome, Blocked)]
    shown: Sequence[Done | Pending | Blocked] = [*pending, *blocked] or outcomes
    message = "; ".join(outcome.message for outcome in shown if outcome.message) or _NOTHING_ELSE
    facts = NOTHING
    for outcome in outcomes:
        known = {field.name: getattr(outcome.facts, field.name) for field in fields(Facts)}
        facts = replace(facts, **{name: value for name, value in known.items() if value is not None})
    warnings = tuple(dict.fromkeys(warning for outcome in outcomes for warning in outcome.warnings))
    changes = tuple(change for outcome in outcomes for change in outcome.changes)
    if pending:
        wait = min(outcome.requeue_after for outcome in pending)
        return Pending(pending[0].reason, message, wait, facts, warnings, changes)
    if blocked:
        return Blocked(blocked[0].reason, message, facts, warnings, changes)
    return Done(message, facts=facts, warnings=warnings, changes=changes)
