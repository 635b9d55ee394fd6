"""Event -> pure plan -> writes, one namespace at a time; nothing here knows what a watch or a task is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harbor_operator.injector.admission_monitor import AdmissionPolicyMonitor
from harbor_operator.injector.claims import ClaimRegistry, claim_in_state, sources_for
from harbor_operator.injector.conflicts import Conflict
from harbor_operator.injector.deps import Gauges, RuntimeDeps
from harbor_operator.injector.plan_cache import PlanCache
from harbor_operator.injector.queue import Priority, WorkQueue
from harbor_operator.injector.resync import Resync
from harbor_operator.injector.status import InjectionStatus
from harbor_operator.injector.store import Store
from harbor_operator.injector.watch_status import WatchStatus
from harbor_operator.injector.writer import Writer
from harbor_operator.model.injection import (
    ApplySecret,
    Claim,
    ClaimState,
    DesiredInjection,
    NamespacePlan,
    PatchServiceAccount,
    Write,
)
from harbor_operator.model.namespace import ObservedNamespace, ObservedServiceAccount
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.model.watch import Deleted, Heartbeat, Kind, ObservedObject, Source, Synced, WatchEvent
from harbor_operator.plan.injection import is_held, pull_secrets_for_new_pod
from harbor_operator.ports import Refused
from harbor_operator.ports.pull_secrets import PullSecretApi

UNEXPECTED_ERROR_DELAY_SECONDS = 30.0
SYNC_POLL_SECONDS = 0.02
RESYNC_BATCH = 10


class Injector:
    """Spreads pull Secrets (it is a Distribution).

    `observe` takes what a watch tells, `review` judges what a change of the wishes puts in question, `take` hands out
    the next namespace and `converge` works on it; `ring` is called when there is something to do for one of them, or
    another set of sources is wanted.
    """

    def __init__(self, cluster: PullSecretApi, deps: RuntimeDeps, ring: Callable[[], None]) -> None:
        self.queue = WorkQueue(deps.clock)
        self._deps = deps
        self._ring = ring
        self._mirror = Store()
        self._sources = WatchStatus(deps.clock)
        self._interests = ClaimRegistry()
        self._births = AdmissionPolicyMonitor()
        self._review = Resync()
        self._plans = PlanCache(self._mirror, self._interests)
        self._standings = InjectionStatus(deps.clock, deps.metrics.injected)
        self._writer = Writer(cluster, deps, self._mirror, self._interests, self._standings)

    @property
    def ready(self) -> bool:
        """Whether every view that is wanted, and may be had, has delivered a full list."""
        return all(
            self._sources.is_complete({source}) or self._sources.refusal({source}) is not None
            for source in self._interests.sources()
        )

    def sources(self) -> frozenset[Source]:
        """Returns the views that are wanted now."""
        return self._interests.sources()

    def gauges(self) -> Gauges:
        """Returns what can be read off at any moment."""
        return Gauges(
            queue_depth=self.queue.depth,
            oldest_seconds=self.queue.oldest_age(),
            watch_silence_seconds=self._sources.oldest_silence(),
            writes_per_second=self._writer.pace.rate,
            write_slots=self._writer.width.whole.limit,
        )

    def silences(self) -> dict[Kind, float]:
        """Returns for how many seconds nothing was heard of each kind that is watched."""
        return self._sources.silences()

    def progress(self) -> dict[str, PullSecretFacts]:
        """Returns how far the declared wishes have spread, by registry; nothing yet of those not fully looked at."""
        return {
            desired.registry_key: self._standings.facts(desired.claim)
            for desired in self._interests.declared()
            if self._sources.is_complete(sources_for(desired.claim))
        }

    def contests(self) -> tuple[Conflict, ...]:
        """Returns where somebody keeps undoing our work."""
        return self._writer.contests.open()

    def declare(self, desired: DesiredInjection) -> None:
        """Makes this the wish of its registry; the same wish again changes nothing."""
        if self._interests.declare(desired):
            self._writer.contests.reset()
            self._reconsider()

    def withdraw(self, claim: Claim) -> None:
        """Starts to remove what is ours under the claim and no declared wish covers."""
        if self._interests.withdraw(claim):
            self._reconsider()

    def abandon(self, registry_uid: str) -> None:
        """Stops spreading for the registry and leaves everything where it is."""
        if self._interests.abandon(registry_uid):
            self._reconsider()

    def expect_policy_effect(self, registry_uid: str, *, attached: bool) -> None:
        """Says whether accounts are to be born with their reference from now on; those that are not are counted."""
        self._births.expect(registry_uid, attached=attached)

    def remaining(self, claim: Claim) -> int | None:
        """Returns how many namespaces still hold something of a withdrawn claim; None before the first full look.

        Raises Refused if the rights to see it, or to remove any of it, are missing.
        """
        if self._interests.is_settled(claim):
            return 0
        if not self._may_tell(claim):
            return None
        heard = self._sources.heard(sources_for(claim))
        left = [name for name, holding in self._mirror if holding.is_open and self._is_held(name, claim, heard)]
        refusals = [refused for name in left if (refused := self._standings.refusal(name))]
        if refusals and len(refusals) == len(left):
            raise refusals[0]
        if not left and self._interests.settle(claim):
            self._reconsider()
        return len(left)

    async def wait_for_sync(self, claim: Claim, policy: float) -> None:
        """Returns once everything that concerns a claim has been seen and judged, or after so many seconds.

        Raises Refused if the rights to see it are missing.
        """
        end = self._deps.clock() + policy
        while not self._may_tell(claim) and self._deps.clock() < end:
            await self._deps.sleep(SYNC_POLL_SECONDS)
        while self.review(RESYNC_BATCH):
            await self._deps.sleep(0.0)

    def read(self, claim: Claim) -> PullSecretFacts | None:
        """Returns how far a declared wish has spread; None before the first full look.

        Raises Refused if the rights to see it are missing.
        """
        if not self._interests.is_declared(claim) or not self._may_tell(claim):
            return None
        self.review()
        contested = sorted(f"{contest.subject} in namespace '{contest.namespace}'" for contest in self.contests())
        missed = self._births.missed(claim.registry_uid)
        return replace(self._standings.facts(claim), conflicts=tuple(contested), missed_by_policy=missed)

    def offered(self, registry_uid: str, namespace: str, account: str) -> tuple[str, ...]:
        """Returns the references that a new pod of a service account gets, once the registry's Secret is in place."""
        holding = self._mirror[namespace]
        mine = [claim for claim in self._plans.claims(namespace) if claim.uid == registry_uid]
        return next((found for claim in mine if (found := pull_secrets_for_new_pod(holding, claim, account))), ())

    def observe(self, source: Source, change: WatchEvent) -> None:
        """Notes what a view tells, and rings the namespaces that it changes."""
        self._sources.hear(source)
        match change:
            case Heartbeat():
                return
            case Synced():
                for gone in self._mirror.compare(source, change):
                    self._lose(source.kind, gone)
                if self._sources.complete(source):
                    self._reconsider(Priority.REPAIR)
            case Deleted():
                self._lose(source.kind, change)
            case _:
                self._note_seen(source, change)

    def refuse(self, source: Source, refused: Refused) -> None:
        """Notes that a view cannot be had."""
        self._sources.refuse(source, refused)

    def drop(self, source: Source) -> None:
        """Forgets a view that is not wanted any more."""
        self._sources.drop(source)
        self._mirror.drop_source(source, self._interests.sources())
        self._reconsider()

    def review(self, limit: int | None = None) -> bool:
        """Judges namespaces anew after a change that concerns all of them, so many at once; True if more are left."""
        self._review.go_on(self._judge, limit)
        return self._review.is_open

    def take(self) -> str | None:
        """Returns the next namespace to converge; None if nothing is due, or enough is under way for this server."""
        width, queue = self._writer.width, self.queue
        limits = width.limits
        namespace = queue.take(limits)
        if namespace is None and queue.under_way >= limits.whole:
            width.whole.reach()
        elif namespace is None and queue.rotating >= limits.rotations:
            width.background.reach()
        return namespace

    async def converge(self, namespace: str) -> None:
        """Writes what the namespace lacks until nothing is left that may be written now, and gives the key back."""
        delay: float | None = UNEXPECTED_ERROR_DELAY_SECONDS
        try:
            verdict = self._plans.take(namespace)
            while write := self._first_due(namespace, verdict):
                await self._writer.perform(namespace, write)
                verdict = self._plans.make(namespace)
            delay = min((self._writer.wait(namespace, write) for write in verdict.writes), default=None)
            self._note(namespace, verdict)
            if self._mirror[namespace].observed is None:
                self._writer.forget(namespace)  # it went while it was worked on: nobody will ask for what failed there
        finally:
            self.queue.finish(namespace, delay)
            self._ring()

    def _note_seen(self, source: Source, observed: ObservedObject) -> None:
        newborn = observed if isinstance(observed, ObservedServiceAccount) and not self._is_known(observed) else None
        if not self._mirror.note(observed):
            return
        self._plans.drop(_place(observed))
        if self._sources.is_complete({source}):
            if newborn is not None:
                self._note_birth(newborn)
            self._judge(_place(observed), Priority.REPAIR)

    def _first_due(self, namespace: str, verdict: NamespacePlan) -> Write | None:
        return next((write for write in verdict.writes if not self._writer.wait(namespace, write)), None)

    def _judge(self, namespace: str, priority: Priority) -> None:
        if self.queue.is_active(namespace):
            return  # whoever works on it plans anew after each write, and sees this change too
        verdict = self._plans.make(namespace)
        self._note(namespace, verdict)
        self._plans.drop(namespace)
        if verdict.writes:
            self._plans.keep(namespace, verdict)
            has_accounts = bool(self._mirror[namespace].accounts)
            self.queue.add(namespace, min(priority, *(_urgency(write, has_accounts) for write in verdict.writes)))
            self._ring()

    def _note(self, namespace: str, verdict: NamespacePlan) -> None:
        self._standings.record(namespace, verdict.statuses)
        if not verdict.writes:
            self._standings.forgive(namespace)

    def _reconsider(self, priority: Priority = Priority.ROTATION) -> None:
        self._interests.refresh(self._sources.is_complete)
        self._plans.drop_all()
        self._review.begin(self._mirror.names(), priority)
        self._ring()

    def _is_known(self, account: ObservedServiceAccount) -> bool:
        return account.name in self._mirror[account.namespace].accounts

    def _note_birth(self, account: ObservedServiceAccount) -> None:
        if self._births.is_expecting:
            self._births.note(account, self._plans.claims(account.namespace))

    def _lose(self, kind: Kind, gone: Deleted) -> None:
        if not self._mirror.forget(kind, gone):
            return
        if kind is Kind.NAMESPACES:
            self._writer.forget(gone.namespace)
        elif kind is Kind.ACCOUNTS:
            self._writer.forget_account(gone.namespace, gone.name)
        self._judge(gone.namespace, Priority.REPAIR)

    def _may_tell(self, claim: Claim) -> bool:
        needed = sources_for(claim)
        if (refused := self._sources.refusal(needed)) is not None:
            raise refused
        return self._sources.is_complete(needed)

    def _is_held(self, namespace: str, claim: Claim, heard: float) -> bool:
        # A write that is under way, or got no answer, may still leave something behind.
        if self.queue.is_active(namespace) or self._writer.backoff.is_unsure(namespace, heard):
            return True
        return is_held(
            self._mirror[namespace], claim_in_state(claim, ClaimState.LETS_GO), self._plans.claims(namespace)
        )


def _place(observed: ObservedObject) -> str:
    return observed.name if isinstance(observed, ObservedNamespace) else observed.namespace


def _urgency(write: Write, has_accounts: bool) -> Priority:
    if isinstance(write, PatchServiceAccount) and write.attaches:
        return Priority.ATTACH
    if isinstance(write, ApplySecret) and not write.replaces:
        return Priority.ATTACH if has_accounts else Priority.FRESH
    return Priority.ROTATION
