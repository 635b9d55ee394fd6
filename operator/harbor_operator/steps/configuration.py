"""Configured: Harbor's own configuration is as the spec describes it, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Protocol

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.configuration import check_admin
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
)
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.harbor_access import read_access, require_admin
from harbor_operator.steps.outcomes import BlockedError


class ConfigurationSection(Protocol):
    """One section of the spec that describes a part of Harbor's configuration."""

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec has the section; if not, nothing is read and nothing is written."""
        ...

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Observes, plans, writes the difference; what the spec does not name stays as it is in Harbor."""
        ...


class ConfigurationStep:
    """Reconciles the sections in order; one that is blocked does not stop the next."""

    condition_type = ConditionType.CONFIGURATION
    depends_on = (ConditionType.REACHABILITY,)

    def __init__(self, kube: NamespaceResources, harbor: Harbor, sections: Sequence[ConfigurationSection]) -> None:
        self._kube = kube
        self._harbor = harbor
        self._sections = sections

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Reconciles every section that the spec has."""
        requested = [section for section in self._sections if section.is_requested(registry)]
        if not requested:
            return NOT_REQUESTED
        access = await read_access(self._kube, registry)
        admin = access.with_login(await require_admin(self._kube, registry))
        identity = await self._harbor.read_identity(admin)
        if blocked := check_admin(registry, names.admin_secret(registry), identity):
            return blocked
        outcomes = [await _attempt(section, registry, admin) for section in requested]
        if registry.spec.garbage_collection is None:  # the status must not keep what the spec has dropped
            outcomes.append(Done("", facts=Facts(garbage_collection=CollectionFacts(""))))
        return combine(outcomes)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Retains every project and setting: projects hold images, and the operator never deletes those."""
        return Done(f"{len(registry.spec.projects)} projects are retained")


async def _attempt(section: ConfigurationSection, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
    """Returns the outcome of a section; a Harbor that does not answer ends the pass with Unavailable."""
    try:
        return await section.reconcile(registry, admin)
    except BlockedError as error:
        return error.outcome
    except Refused as error:
        return Blocked(error.reason, str(error))


def combine(outcomes: Sequence[Done | Blocked]) -> Done | Blocked:
    """Returns one outcome: Blocked if any section is, with every cause, and with the facts of all sections."""
    blocked = [outcome for outcome in outcomes if isinstance(outcome, Blocked)]
    message = "; ".join(outcome.message for outcome in blocked or outcomes if outcome.message)
    facts = NOTHING
    for outcome in outcomes:
        known = {field.name: getattr(outcome.facts, field.name) for field in fields(Facts)}
        facts = replace(facts, **{name: value for name, value in known.items() if value is not None})
    warnings = tuple(dict.fromkeys(warning for outcome in outcomes for warning in outcome.warnings))
    changes = tuple(change for outcome in outcomes for change in outcome.changes)
    if blocked:
        return Blocked(blocked[0].reason, message, facts, warnings, changes)
    return Done(message, facts=facts, warnings=warnings, changes=changes)
