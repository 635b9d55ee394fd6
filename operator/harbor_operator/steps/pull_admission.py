"""The admission policy of a registry: kept as desired while the spec asks for it, removed when it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from harbor_operator.api.v1alpha1 import AdmissionPolicy, HarborRegistry, PullSecrets
from harbor_operator.checks.admission import foreign_policy, policy_settling
from harbor_operator.model.admission import DesiredPolicy
from harbor_operator.model.outcomes import Blocked, Done, Outcome
from harbor_operator.plan import names
from harbor_operator.plan.admission import plan_admission, plan_no_admission
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.admission import AdmissionPolicyApi
from harbor_operator.reasons import Reason
from harbor_operator.steps.outcomes import outcome_of

SETTLE_SECONDS = 3.0
"""API servers load new policies once a second."""

IN_FORCE = Done("the admission policy is in force")
GONE = Done("there is no admission policy")


class PullAdmission:
    """Reports every error as an outcome, because the injection of Secrets does not depend on the policy."""

    def __init__(self, admission: AdmissionPolicyApi, clock: Callable[[], float]) -> None:
        self._admission = admission
        self._clock = clock
        # More recent than the status: whether the policy may exist, and when it was last changed.
        self._exists: dict[str, bool] = {}
        self._changed: dict[str, float] = {}

    def name(self, registry: HarborRegistry) -> str:
        """Name of the policy for the status; empty if there is none."""
        return names.admission_policy(registry) if self._may_exist(registry) else ""

    def is_settling(self, registry: HarborRegistry) -> bool:
        """Whether an API server may still apply an earlier version of the policy."""
        return self._settles_in(registry) > 0

    async def ensure(self, registry: HarborRegistry, section: PullSecrets) -> Outcome:
        """Creates or corrects policy and binding; Done once they are in force."""
        try:
            for desired in plan_admission(registry, section):
                if blocked := await self._ensure(registry, desired):
                    return blocked
        except (Unavailable, Refused) as error:
            return outcome_of(error)
        seconds = self._settles_in(registry)
        return policy_settling(names.admission_policy(registry), seconds) if seconds > 0 else IN_FORCE

    async def remove(self, registry: HarborRegistry) -> Outcome:
        """Removes binding and policy if they belong to this registry; no request where there was never one."""
        if not self._may_exist(registry) and _section_with_policy(registry) is None:
            return GONE
        try:
            for desired in plan_no_admission(registry):
                await self._remove(registry, desired)
        except Unavailable as error:
            return outcome_of(error)
        except Refused as refused:
            # Without the rights, the operator cannot have created a policy.
            if refused.reason is not Reason.ADMISSION_POLICY_UNSUPPORTED and self._may_exist(registry):
                return outcome_of(refused)
        self._exists[registry.metadata.uid] = False
        return GONE

    async def reconcile_degraded(self, registry: HarborRegistry) -> None:
        """Corrects an existing policy, and removes one that the spec no longer asks for; creates none."""
        section = _section_with_policy(registry)
        if section is None:
            await self.remove(registry)
        elif self._may_exist(registry):
            await self.ensure(registry, section)

    def forget(self, registry: HarborRegistry) -> None:
        """Drops the state of a deleted registry."""
        self._exists.pop(registry.metadata.uid, None)
        self._changed.pop(registry.metadata.uid, None)

    async def _ensure(self, registry: HarborRegistry, desired: DesiredPolicy) -> Blocked | None:
        observed = await self._admission.read(desired.kind, desired.name)
        if observed is None:
            await self._change(registry, self._admission.create(desired))
            return None
        if not desired.owns(observed):
            return foreign_policy(desired.kind, desired.name)
        self._exists[registry.metadata.uid] = True
        if not desired.is_met_by(observed):
            await self._change(registry, self._admission.correct(desired, observed))
        return None

    async def _remove(self, registry: HarborRegistry, desired: DesiredPolicy) -> None:
        observed = await self._admission.read(desired.kind, desired.name)
        if observed is not None and desired.owns(observed):
            await self._change(registry, self._admission.remove(desired, observed))

    async def _change(self, registry: HarborRegistry, write: Awaitable[None]) -> None:
        try:
            await write
        except Unavailable:
            self._note_change(registry)  # a request without a response may have been executed
            raise
        self._note_change(registry)

    def _note_change(self, registry: HarborRegistry) -> None:
        self._exists[registry.metadata.uid] = True
        self._changed[registry.metadata.uid] = self._clock()

    def _may_exist(self, registry: HarborRegistry) -> bool:
        return self._exists.get(registry.metadata.uid, bool(registry.observed.admission_policy))

    def _settles_in(self, registry: HarborRegistry) -> float:
        changed = self._changed.get(registry.metadata.uid)
        return 0.0 if changed is None else SETTLE_SECONDS - (self._clock() - changed)


def _section_with_policy(registry: HarborRegistry) -> PullSecrets | None:
    """Returns the section of the spec if it asks for a policy."""
    section = registry.spec.pull_secrets
    return section if section is not None and section.admission_policy is AdmissionPolicy.ENABLED else None
