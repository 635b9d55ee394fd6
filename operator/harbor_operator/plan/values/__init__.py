"""The values file of the Harbor chart: one function per section, one chart minor at a time.

There are three layers, each of which overrides the one before: the operator's defaults, the user's own values, and the
values that the operator owns. A user's key that overlaps an owned one with another value is refused by name, never
silently overridden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from harbor_operator.checks.release import check_internal_tls, check_ip_families
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import Tree
from harbor_operator.plan.internal_tls import is_enabled
from harbor_operator.plan.values.backends import database_defaults, database_values, redis_values
from harbor_operator.plan.values.components import (
    admin_values,
    core_values,
    exporter_values,
    jobservice_values,
    optional_defaults,
    registry_values,
)
from harbor_operator.plan.values.expose import expose_values, trust_values
from harbor_operator.plan.values.inputs import Inputs
from harbor_operator.plan.values.internal_tls import internal_tls_values
from harbor_operator.plan.values.paths import value_at
from harbor_operator.plan.values.storage import storage_defaults, storage_values
from harbor_operator.plan.values.user import check_user_values, merge_values

Section = Callable[[Inputs], Tree]

_DEFAULTS: tuple[Section, ...] = (optional_defaults, storage_defaults, database_defaults)
_OWNED: tuple[Section, ...] = (
    expose_values,
    trust_values,
    database_values,
    redis_values,
    storage_values,
    admin_values,
    core_values,
    jobservice_values,
    registry_values,
    exporter_values,
    internal_tls_values,
)


def plan_values(inputs: Inputs) -> Tree | Blocked:
    """Returns the whole values file, the same for the same inputs, or why the user's values are refused."""
    sources = inputs.release_secrets.user_values
    user = reduce(merge_values, (source.tree for source in sources), Tree())
    inputs = replace(inputs, trivy=_is_on(user, "trivy"))
    owned = _all(_OWNED, inputs)
    registry = inputs.registry
    storage = registry.spec.storage
    volume = storage is not None and storage.filesystem is not None
    if blocked := check_user_values(sources, inputs.chart, owned, volume=volume):
        return blocked
    if not is_enabled(registry) and (blocked := check_internal_tls(user.get("internalTLS"))):
        return blocked
    values = merge_values(merge_values(_all(_DEFAULTS, inputs), user), owned)
    families = value_at(values, ("ipFamily", "families"))
    return check_ip_families(families, registry.spec.expose.type, values["redis"]["type"]) or values


def _all(sections: tuple[Section, ...], inputs: Inputs) -> Tree:
    return reduce(merge_values, (section(inputs) for section in sections), Tree())


def _is_on(user: Tree, component: str) -> bool:
    section = user.get(component)
    return isinstance(section, dict) and section.get("enabled") is True
