"""The part of Configured that keeps the replication rules."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.replications import check_registry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.replications import ObservedReplication, Replication
from harbor_operator.plan.replications import plan_replication
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_projects import HarborRegistries
from harbor_operator.ports.harbor_replications import HarborReplications
from harbor_operator.steps.outcomes import raise_if_blocked


class ReplicationSection:
    """Creates replication rules and corrects them; never deletes one."""

    def __init__(self, harbor: HarborReplications, registries: HarborRegistries) -> None:
        self._harbor = harbor
        self._registries = registries

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec names a replication rule."""
        return bool(registry.spec.replications)

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Compares each rule with the spec and writes the difference; one that is refused stops no other."""
        registries = await self._registries.read_registries(admin)
        observed = await self._harbor.read_replications(admin)
        changes: list[str] = []
        refused: list[Refused] = []
        for replication in registry.spec.replications:
            try:
                raise_if_blocked(check_registry(replication, registries))
                desired = plan_replication(replication, registries)
                if changed := await self._write(admin, desired, observed.get(replication.name)):
                    changes.append(changed)
            except Refused as error:
                refused.append(error)
        if refused:
            return Blocked(refused[0].reason, "; ".join(map(str, refused)), changes=tuple(changes))
        count = len(registry.spec.replications)
        message = f"{count} {'replication rule is' if count == 1 else 'replication rules are'} as the spec says"
        return Done(message, changes=tuple(changes))

    async def _write(self, admin: HarborEndpoint, desired: Replication, current: ObservedReplication | None) -> str:
        """Returns what was written for the rule; empty if it was as desired."""
        if current is None:
            await self._harbor.create_replication(admin, desired)
            return f"created replication '{desired.name}'"
        if current.rule == desired:
            return ""
        await self._harbor.update_replication(admin, current, desired)
        return f"set replication '{desired.name}' as in `spec.replications`"
