"""The claims of each registry on namespaces: the present one, and earlier ones until nothing of them remains."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.checks.pull_secrets import cleaning_up, lingering_warnings
from harbor_operator.model.injection import EVERY_ACCOUNT, Claim, RemainingNamespaces
from harbor_operator.model.outcomes import Facts, Pending, PullSecretFacts, StatusWarning
from harbor_operator.ports.injection import PullSecretInjection

FIRST_RECHECK_SECONDS = 2.0
MAX_RECHECK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Leftover:
    """An earlier claim with something left to remove; `count` is None before the first full list."""

    claim: Claim
    count: int | None
    where: RemainingNamespaces


class PullClaims:
    """Withdraws what the spec no longer asks for, and says what remains of it."""

    def __init__(self, injection: PullSecretInjection) -> None:
        self._injection = injection
        # Claims that this process has declared: the status names only one, and two renames in a row need both.
        self._known: dict[str, set[Claim]] = {}
        self._lingering: dict[str, dict[str, tuple[str, ...]]] = {}
        self._rechecks: dict[str, tuple[Leftover, float]] = {}

    def withdraw(
        self, registry: HarborRegistry, present: Claim | None, *more: Claim, settled: bool = True
    ) -> list[Leftover]:
        """Withdraws every claim that the present one does not cover; returns those with something left to remove.

        Unless `settled`, an admission policy can still add the old reference to a new account: a claim stays open.
        """
        uid = registry.metadata.uid
        known = self._known.setdefault(uid, set())
        known.update(more, _observed_claim(registry))
        found: list[Leftover] = []
        for claim in sorted(known, key=lambda one: (one.secret_name, one.service_accounts)):
            if present is None or not _covers(present, claim):
                self._injection.withdraw(claim)
                count = self._injection.remaining(claim) if settled else None
                found.append(Leftover(claim, count, self._injection.remaining_in(claim)))
        remaining = [leftover for leftover in found if leftover.count != 0]
        self._lingering[uid] = {left.claim.secret_name: left.where.lingering for left in found if left.where.lingering}
        self._known[uid] = {left.claim for left in found if left.count != 0 or left.where.lingering}
        self._known[uid] |= {present} if present else set()
        if not remaining:
            self._rechecks.pop(uid, None)
        return remaining

    def cleaning_up(self, registry: HarborRegistry, leftovers: list[Leftover], facts: PullSecretFacts) -> Pending:
        """Reports the old names while something is left of them: after a restart, only the status has them."""
        first, uid = leftovers[0], registry.metadata.uid
        before, delay = self._rechecks.get(uid, (None, FIRST_RECHECK_SECONDS))
        delay = min(2 * delay, MAX_RECHECK_SECONDS) if before == first else FIRST_RECHECK_SECONDS
        self._rechecks[uid] = (first, delay)
        claim = first.claim
        named = replace(facts, secret_name=claim.secret_name, service_accounts=claim.service_accounts)
        return cleaning_up(claim.secret_name, first.count, first.where, Facts(pull_secrets=named), delay)

    def lingering(self, registry: HarborRegistry) -> tuple[StatusWarning, ...]:
        """Returns a warning if a finalizer of another client keeps Secrets that the last call has withdrawn."""
        return lingering_warnings(self._lingering.get(registry.metadata.uid, {}))

    def secret_names(self, registry: HarborRegistry) -> set[str]:
        """Returns the names of the Secrets that the registry may have injected."""
        claims = self._known.get(registry.metadata.uid, set()) | _observed_claim(registry)
        return {claim.secret_name for claim in claims}

    def forget(self, registry: HarborRegistry) -> None:
        """Drops the state of a deleted registry; what lingers is no longer watched."""
        uid = registry.metadata.uid
        self._injection.abandon(uid)
        for state in (self._known, self._lingering, self._rechecks):
            state.pop(uid, None)


def claim_of(registry: HarborRegistry, section: PullSecrets) -> Claim:
    """Returns the claim that the spec asks for."""
    return Claim(registry.metadata.uid, section.secret_name, tuple(section.service_accounts), registry.key)


def _observed_claim(registry: HarborRegistry) -> set[Claim]:
    observed = registry.observed
    return (
        {Claim(registry.metadata.uid, observed.secret_name, observed.service_accounts, registry.key)}
        if observed.secret_name
        else set()
    )


def _covers(present: Claim, earlier: Claim) -> bool:
    if present.secret_name != earlier.secret_name:
        return False
    return EVERY_ACCOUNT in present.service_accounts or set(earlier.service_accounts) <= set(present.service_accounts)
