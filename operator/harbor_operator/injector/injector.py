"""Watch event -> pure plan -> writes, one namespace at a time; without tasks, so that a test decides what happens when.

The controller feeds `observe` with the events of each watch, calls `resync` until no namespace is left to plan,
`settle_released_claims` from time to time, and `reconcile` for every namespace that `get` returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from typing_extensions import override

from harbor_operator.injector.claims import ClaimRegistry, sources_for
from harbor_operator.injector.conflicts import Conflict
from harbor_operator.injector.deps import Gauges, RuntimeDeps
from harbor_operator.injector.leftovers import Leftovers
from harbor_operator.injector.queue import Priority, Resync, WorkQueue, plan_priority
from harbor_operator.injector.status import AdmissionPolicyMonitor, InjectionStatus, WatchStatus
from harbor_operator.injector.store import NamespaceRecord, Store
from harbor_operator.injector.writer import Writer
from harbor_operator.model.injection import Claim, DesiredInjection, NamespaceClaim, NamespacePlan, RemainingNamespaces
from harbor_operator.model.namespace import ObservedNamespace, ObservedServiceAccount
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.model.watch import Deleted, Heartbeat, Kind, ObservedObject, Source, Synced, WatchEvent
from harbor_operator.plan.injection import holds_content, plan_namespace, pull_secrets_for_new_pod
from harbor_operator.ports import Refused
from harbor_operator.ports.injection import PullSecretInjection
from harbor_operator.ports.pull_secrets import PullSecretApi

UNEXPECTED_ERROR_DELAY_SECONDS = 30.0
SYNC_POLL_SECONDS = 0.02


class Injector(PullSecretInjection):
    """Keeps pull Secrets and references as the registries declare them.

    `notify` is called when a namespace is ready to be reconciled, a resync starts, or the needed watches change.
    """

    def __init__(self, api: PullSecretApi, deps: RuntimeDeps, notify: Callable[[], None]) -> None:
        self.queue = WorkQueue(deps.clock)
        self._deps = deps
        self._notify = notify
        self._store = Store()
        self._watches = WatchStatus(deps.clock)
        self._claims = ClaimRegistry()
        self._policies = AdmissionPolicyMonitor()
        self._resync = Resync()
        self._unplanned: set[str] = set()
        self._status = InjectionStatus(self._store, deps.clock, deps.metrics.injected)
        self._writer = Writer(api, deps, self._store, self._claims, self._status)
        self._leftovers = Leftovers(self._store, self._watches, self._claims, self.queue, self._writer)

    # What registries want

    @override
    def declare(self, desired: DesiredInjection) -> None:
        if self._claims.declare(desired):
            self._writer.conflicts.reset(record for _, record in self._store)
            self._unplanned.add(desired.claim.registry_uid)
            self._start_resync()

    @override
    def withdraw(self, claim: Claim) -> None:
        if self._claims.withdraw(claim):
            self._start_resync()

    @override
    def abandon(self, registry_uid: str) -> None:
        if self._claims.abandon(registry_uid):
            self._start_resync()

    @override
    def expect_policy_effect(self, registry_uid: str, *, attached: bool) -> None:
        self._policies.expect(registry_uid, attached=attached)

    # Queries

    @override
    def holder(self, secret_name: str) -> str | None:
        return self._claims.holder(secret_name)

    @property
    def ready(self) -> bool:
        """Whether each needed watch has synced or is refused by the server."""
        return all(
            self._watches.is_synced((source,)) or self._watches.error((source,)) is not None
            for source in self._claims.sources()
        )

    def sources(self) -> frozenset[Source]:
        """Returns the needed watches; the same object until they change."""
        return self._claims.sources()

    @override
    def remaining(self, claim: Claim) -> int | None:
        if self._claims.is_released(claim):
            return 0
        if not self._is_synced(claim):
            return None
        left = list(self._leftovers.releasing(claim))
        errors = [error for name in left if (error := self._status.error(self._store[name]))]
        if errors and len(errors) == len(left):
            raise Refused(errors[0].reason, str(errors[0]))
        return len(left)

    @override
    def remaining_in(self, claim: Claim) -> RemainingNamespaces:
        return RemainingNamespaces() if self._claims.is_released(claim) else self._leftovers.shown(claim)

    @override
    def declared(self, registry_uid: str) -> DesiredInjection | None:
        return self._claims.desired(registry_uid)

    @override
    def read(self, claim: Claim) -> PullSecretFacts | None:
        if not self._claims.is_declared(claim) or not self._is_synced(claim) or (facts := self._facts(claim)) is None:
            return None
        conflicts = sorted(f"{conflict.subject} in namespace '{conflict.namespace}'" for conflict in self.conflicts())
        missed = self._policies.missed(claim.registry_uid)
        return replace(facts, conflicts=tuple(conflicts), missed_by_policy=missed)

    @override
    def ready_namespaces(self, claim: Claim) -> list[ObservedNamespace]:
        is_planned = self._claims.is_declared(claim) and claim.registry_uid not in self._unplanned
        return self._status.ready(claim.registry_uid) if is_planned and self._is_synced(claim) else []

    @override
    async def wait_for_sync(self, claim: Claim, timeout_seconds: float) -> None:
        end = self._deps.clock() + timeout_seconds
        while not self._is_synced(claim) or claim.registry_uid in self._unplanned:
            if self._deps.clock() >= end:
                return
            await self._deps.sleep(SYNC_POLL_SECONDS)

    def progress(self) -> dict[str, PullSecretFacts]:
        """Returns the progress of the synced declared claims, by `namespace/name` of the registry."""
        return {
            desired.registry_key: facts
            for desired in self._claims.declared()
            if self._watches.is_synced(sources_for(desired.claim)) and (facts := self._facts(desired.claim))
        }

    def conflicts(self) -> tuple[Conflict, ...]:
        """Returns the objects that another client keeps reverting."""
        return self._writer.conflicts.open(self._store.noteworthy())

    def pull_secrets_for_new_pod(self, registry_uid: str, namespace: str, account: str) -> tuple[str, ...]:
        """Returns the references of a new pod of a service account; empty before the registry's Secret is in place."""
        record = self._store[namespace]
        claims = (claim for claim in self._claims_on(record) if claim.uid == registry_uid)
        return next((found for claim in claims if (found := pull_secrets_for_new_pod(record, claim, account))), ())

    def gauges(self) -> Gauges:
        """Returns the current values of the gauges."""
        return Gauges(
            queue_depth=self.queue.depth,
            oldest_seconds=self.queue.longest_wait(),
            watch_silence_seconds=max(self.seconds_since_last_event().values(), default=0.0),
            writes_per_second=self._writer.rate.rate,
            write_slots=self._writer.concurrency.total.limit,
        )

    def seconds_since_last_event(self) -> dict[Kind, float]:
        """Returns the seconds since the last event or heartbeat, of the quietest watch of each kind."""
        return self._watches.seconds_since_last_event()

    def namespaces(self, registry_uid: str) -> list[ObservedNamespace] | None:
        """Returns the namespaces in which a registry keeps its pull Secret; None before the caches sync."""
        desired = self._claims.desired(registry_uid)
        if desired is None or not self._watches.is_synced(sources_for(desired.claim)):
            return None
        known = (record.observed for _, record in self._store if record.is_active)
        return [namespace for namespace in known if namespace and self._claims.wanted(registry_uid, namespace)]

    def content_changed(self, namespace: str) -> None:
        """Plans a namespace again: its content is ready, or could not be prepared."""
        self._replan(namespace, Priority.REPAIR)

    def holds_content(self, registry_uid: str, namespace: str) -> bool:
        """Whether the last observed pull Secret of the registry has what it must have now."""
        record = self._store[namespace]
        return any(holds_content(record, claim) for claim in self._claims_on(record) if claim.uid == registry_uid)

    # Watches

    def observe(self, source: Source, event: WatchEvent) -> None:
        """Stores what a watch delivers, and enqueues the namespaces that need a write because of it."""
        self._watches.mark_event(source)
        match event:
            case Heartbeat():
                return
            case Synced():
                for gone in self._store.replace(source, event):
                    self._on_deleted(source.kind, gone)
                if self._watches.mark_synced(source):
                    self._unplanned.update(
                        each.claim.registry_uid for each in self._claims.declared() if source in sources_for(each.claim)
                    )
                    self._start_resync(Priority.REPAIR)
            case Deleted():
                if self._store.delete(source.kind, event):
                    self._on_deleted(source.kind, event)
            case _:
                self._on_upserted(source, event)

    def watch_refused(self, source: Source, refused: Refused) -> None:
        """Records that the server refuses a watch."""
        self._watches.mark_error(source, refused)

    def drop_source(self, source: Source) -> None:
        """Forgets a watch that has ended because no claim needs it, and the objects that only it delivered."""
        self._watches.drop(source)
        self._store.drop_source(source, self._claims.sources())
        self._start_resync()

    # Reconciliation

    def resync(self, limit: int | None = None) -> bool:
        """Plans the next `limit` namespaces, or all, after a change that concerns all of them; True if any are left."""
        self._resync.step(self._replan, limit)
        if not self._resync.is_running:
            self._unplanned.clear()
        return self._resync.is_running

    def settle_released_claims(self) -> None:
        """Ends the release of every claim of which nothing is left, so that its watches can end."""
        settled = [
            claim
            for claim in self._claims.releasing()
            if self._watches.is_synced(sources_for(claim))
            and not any(self._leftovers.releasing(claim))
            and not any(self._leftovers.lingering(claim))
        ]
        for claim in settled:
            self._claims.settle(claim)
        if settled:
            self._start_resync()

    def get(self) -> str | None:
        """Returns the next namespace to reconcile; None if none is due, or enough writes run for this server."""
        concurrency = self._writer.concurrency
        namespace = self.queue.get(concurrency.limits)
        if namespace is None:
            concurrency.mark_saturated(self.queue.processing, self.queue.rotating)
        return namespace

    async def reconcile(self, namespace: str) -> None:
        """Executes and plans again until no action may be executed now, then gives the key back to the queue."""
        delay: float | None = UNEXPECTED_ERROR_DELAY_SECONDS
        try:
            record = self._store[namespace]
            plan, record.plan = record.plan or self._plan(record), None
            while action := self._writer.first_due(record, plan):
                await self._writer.execute(namespace, action)
                record = self._store[namespace]
                plan = self._plan(record)
            delay = self._writer.delay(record, plan)
            self._record_plan(namespace, record, plan)
        finally:
            self.queue.done(namespace, delay)
            self._notify()

    def _on_upserted(self, source: Source, observed: ObservedObject) -> None:
        namespace = observed.namespace
        is_counted = self._policies.is_expecting and observed.name not in self._store[namespace].accounts
        if not self._store.upsert(observed) or not self._watches.is_synced((source,)):
            return
        if is_counted and isinstance(observed, ObservedServiceAccount):
            self._policies.record(observed, self._claims_on(self._store[namespace]))
        self._replan(namespace, Priority.REPAIR)

    def _on_deleted(self, kind: Kind, gone: Deleted) -> None:
        if kind is Kind.ACCOUNTS:
            self._writer.forget_account(self._store[gone.namespace], gone.name)
        self._replan(gone.namespace, Priority.REPAIR)

    def _start_resync(self, priority: Priority = Priority.ROTATION) -> None:
        self._claims.refresh(self._watches.is_synced)
        self._store.drop_plans()
        self._resync.start(self._store.names(), priority)
        self._notify()

    def _replan(self, namespace: str, priority: Priority) -> None:
        if self.queue.is_processing(namespace):
            return  # its worker plans again after each write, and sees this change too
        record = self._store[namespace]
        plan = self._plan(record)
        record.plan = plan if plan.actions else None
        if plan.actions:
            self.queue.add(namespace, min(priority, plan_priority(plan, has_accounts=bool(record.accounts))))
            self._notify()
        self._record_plan(namespace, record, plan)

    def _plan(self, record: NamespaceRecord) -> NamespacePlan:
        return plan_namespace(record, self._claims_on(record))

    def _claims_on(self, record: NamespaceRecord) -> list[NamespaceClaim]:
        return self._claims.claims(record.observed) if record.observed else []

    def _record_plan(self, namespace: str, record: NamespaceRecord, plan: NamespacePlan) -> None:
        self._status.update(record, plan.statuses)
        if record.observed is not None:
            for uid in plan.waiting:
                self._claims.request_content(uid, record.observed)
        if not plan.actions:
            self._status.clear_errors(record)
        if record.is_empty:
            self._store.forget(namespace)
        else:
            self._store.update_index(namespace)

    def _facts(self, claim: Claim) -> PullSecretFacts | None:
        facts = self._status.facts(claim)
        if claim.registry_uid not in self._unplanned:
            return facts
        # What is recorded is the status of an earlier desired state. Until every namespace is planned, none is ready.
        return replace(facts, ready=0, failed=0, failures=()) if facts.namespaces else None

    def _is_synced(self, claim: Claim) -> bool:
        sources = sources_for(claim)
        if (refused := self._watches.error(sources)) is not None:
            raise Refused(refused.reason, str(refused))
        return self._watches.is_synced(sources)
