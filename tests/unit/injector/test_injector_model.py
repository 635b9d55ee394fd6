"""Whatever happens, in any order, twice or not at all: in the end the cluster satisfies the rules, and stays so."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.injector.limits import UNANSWERED_WRITE_SECONDS
from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.model.watch import Kind, Source
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.cluster import FOREIGN, matches
from tests.unit.injector.asyncrun import run
from tests.unit.injector.fixture import InjectorFixture, desired
from tests.unit.injector.interleaving import SlowCluster, Worker
from tests.unit.injector.rules import DesiredCluster, Key, Snapshot, expected_counts, violations
from tests.unit.injector.selections import choices, labels, selections

SECRETS = ("harbor-pull", "other-pull")
THEIRS = ("theirs", "more")
MAX_WORKERS = 2
UNAVAILABLE = (Unavailable("no answer"), Unavailable("slow down", retry_after=3.0))
REFUSAL = Refused(Reason.RIGHTS_MISSING, "forbidden")

namespaces = st.sampled_from(["app", "blue", "kube-x"])
accounts = st.sampled_from(["default", "builder"])
secret_names = st.sampled_from(SECRETS)
registries = st.sampled_from(["a", "b", "c"])
claimed = st.sampled_from([("default",), ("builder",), ("default", "builder"), ("*",)])


class Injection(RuleBasedStateMachine):
    @initialize(settled=st.booleans())
    def begin(self, settled: bool) -> None:
        self.cluster = SlowCluster()
        self.fixture = InjectorFixture(self.cluster)
        self.workers: list[Worker] = []
        self.theirs: dict[Key, tuple[str, ...]] = {}
        self.foreign_secrets: dict[Key, str] = {}
        self.taken: set[Key] = set()
        self.lives: dict[str, int] = defaultdict(int)
        self.declared: dict[str, DesiredInjection] = {}
        self.claims: dict[str, set[Claim]] = defaultdict(set)
        self.kept_names: set[str] = set()
        self._declare("a", desired(Claim(self._uid("a"), SECRETS[0], ("default",))))
        for name in ("app", "blue"):
            self.cluster.add_namespace(name)
            self.theirs[name, "default"] = THEIRS
            self.cluster.put_account(name, "default", THEIRS)
        if settled:
            run(self.fixture.settle())

    # What users and other controllers do

    @rule(name=namespaces, labels=st.none() | labels, inject=choices, missed=st.booleans(), at_once=st.booleans())
    def change_namespace(
        self, name: str, labels: dict[str, str] | None, inject: str, missed: bool, at_once: bool
    ) -> None:
        """Creates, labels or annotates it; without labels, it terminates or is deleted."""
        observed = self.cluster.namespaces.get(name)
        if labels is not None and not (observed and observed.terminating):
            self.cluster.add_namespace(name, labels, inject=inject)
        elif observed and at_once:
            self.cluster.delete_namespace(name)
            self._lose(Kind.NAMESPACES, missed)
        elif observed:
            self.cluster.add_namespace(name, observed.labels, terminating=True)

    @rule(name=namespaces, account=accounts, theirs=st.permutations(THEIRS), count=st.integers(0, 2), data=st.data())
    def write_account(self, name: str, account: str, theirs: list[str], count: int, data: st.DataObject) -> None:
        """Writes the whole list, as every client must: our entries may stay, move or be dropped."""
        if name not in self.cluster.namespaces:
            return
        observed = self.cluster.accounts.get((name, account))
        ours = (
            [entry for entry in observed.references if entry in SECRETS] if observed else SECRETS
        )  # as an admission policy does
        kept = data.draw(st.permutations(ours)) if data.draw(st.booleans()) else []
        self.theirs[name, account] = tuple(theirs[:count])
        entries = (*kept, *theirs[:count]) if data.draw(st.booleans()) else (*theirs[:count], *kept)
        self.cluster.put_account(name, account, entries, opted_out=data.draw(st.booleans()))

    @rule(name=namespaces, secret=secret_names, ours=st.booleans(), immutable=st.booleans())
    def write_secret(self, name: str, secret: str, ours: bool, immutable: bool) -> None:
        """Edits a Secret, or creates a foreign one; an immutable one cannot be changed again."""
        if name not in self.cluster.namespaces:
            return
        observed = self.cluster.secrets.get((name, secret))
        if observed is None and not self._adopts(secret):
            self.foreign_secrets[name, secret] = f"uid-{self.cluster.revision + 1}"
        written = self.cluster.put_secret(
            name, secret, owner=observed.owner if observed and ours else "", immutable=immutable
        )
        self.taken |= {(name, secret)} if not written.owner else set()

    @rule(name=namespaces, account=accounts, secret=secret_names, missed=st.booleans(), which=st.booleans())
    def delete(self, name: str, account: str, secret: str, missed: bool, which: bool) -> None:
        if which and (name, account) in self.cluster.accounts:
            self.cluster.delete_account(name, account)
            self._lose(Kind.ACCOUNTS, missed)
        elif (name, secret) in self.cluster.secrets:
            self.cluster.delete_secret(name, secret)
            self._lose(Kind.SECRETS, missed)

    # What the registries declare

    @rule(who=registries, secret=secret_names, accounts=claimed, chosen=selections, config=st.sampled_from("12"))
    def declare(
        self, who: str, secret: str, accounts: tuple[str, ...], chosen: NamespaceSelection, config: str
    ) -> None:
        self._declare(who, desired(Claim(self._uid(who), secret, accounts), config=config, namespaces=chosen))

    @rule(who=registries, how=st.sampled_from(["adopts", "withdraws", "abandons"]))
    def change_registry(self, who: str, how: str) -> None:
        declared = self.declared.get(who)
        if declared and how == "adopts":
            self._declare(who, replace(declared, conflict_policy=ConflictPolicy.ADOPT))
            taken = declared.claim.secret_name
            self.foreign_secrets = {key: uid for key, uid in self.foreign_secrets.items() if key[1] != taken}
        elif declared and how == "withdraws":
            del self.declared[who]
            self._reconcile_registry(who)
        elif declared:
            # Its objects stay; a later registry of the same name is another one.
            self.kept_names.update(claim.secret_name for claim in self.claims.pop(who))
            del self.declared[who]
            self.fixture.injector.abandon(self._uid(who))
            self.lives[who] += 1

    # What the network and the machines do

    @rule(data=st.data())
    def deliver_one_event(self, data: st.DataObject) -> None:
        if sources := sorted(self.fixture.position, key=str):
            self.fixture.deliver(data.draw(st.sampled_from(sources)), limit=1)

    @rule(data=st.data(), refused=st.booleans())
    def interrupt_a_watch(self, data: st.DataObject, refused: bool) -> None:
        """Ends a watch; it lists again, at once or when the server allows it again."""
        source: Source = data.draw(st.sampled_from(sorted(self.fixture.injector.sources(), key=str)))
        if refused:
            self.fixture.injector.watch_refused(source, REFUSAL)
            self.fixture.lose(source)
        else:
            self.fixture.relist(source)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        source: Source = data.draw(st.sampled_from(sorted(self.fixture.injector.sources(), key=str)))
        delivered = self.cluster.history[: self.fixture.position.get(source, 0)]
        if events := [event for kind, event in delivered if matches(source, kind, event)]:
            self.fixture.repeat(source, data.draw(st.sampled_from(events)))

    @rule(data=st.data(), fresh=st.sampled_from([True, True, True, False]), steps=st.integers(1, 3))
    def work(self, data: st.DataObject, fresh: bool, steps: int) -> None:
        """Starts up to two reconciliations, and advances one."""
        if fresh:
            self.fixture.feed()
        self.cluster.slow = True
        while len(self.workers) < MAX_WORKERS and (namespace := self.fixture.injector.get()) is not None:
            self.workers.append(Worker(namespace, self.fixture.injector.reconcile(namespace)))
            self._drop_done_workers()
        self._advance(data, steps, None)

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), steps=st.integers(0, 3), error=st.sampled_from([*UNAVAILABLE, REFUSAL]))
    def fail_write(self, data: st.DataObject, steps: int, error: Unavailable | Refused) -> None:
        self._advance(data, steps, error)

    @rule()
    def settle(self) -> None:
        self._finish()
        run(self.fixture.settle(within=30.0))

    @precondition(lambda self: any(len(claims) > 1 for claims in self.claims.values()))
    @rule(who=registries)
    def reconcile_registry(self, who: str) -> None:
        self._reconcile_registry(who)

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def restart(self, data: st.DataObject) -> None:
        """The process is killed: a write in flight may take effect or not, and its answer is lost."""
        for worker in self.workers:
            if data.draw(st.booleans()):
                worker.step()
            worker.kill()
        self.workers.clear()
        self.fixture.start()
        for who, declared in self.declared.items():
            self.fixture.injector.declare(declared)
            self._reconcile_registry(who)

    # What holds always, and in the end

    @invariant()
    def nothing_foreign_was_touched(self) -> None:
        for key, found in self.cluster.accounts.items():
            assert tuple(entry for entry in found.references if entry not in SECRETS) == self.theirs[key]
        for key, uid in self.foreign_secrets.items():
            observed = self.cluster.secrets.get(key)
            assert (
                observed is None or observed.uid != uid or (observed.owner == "" and observed.digest in {FOREIGN, b""})
            )

    @override
    def teardown(self) -> None:
        if hasattr(self, "fixture"):
            self._settle_all()
            self._check_the_end()

    def _check_the_end(self) -> None:
        snapshot = Snapshot(self.cluster.namespaces, self.cluster.secrets, self.cluster.accounts)
        owners = frozenset(self._uid(who) for who in "abc")
        kept = frozenset(self.kept_names), frozenset(self.taken)
        found = violations(snapshot, DesiredCluster(list(self.declared.values()), owners, frozenset(SECRETS), *kept))
        assert not found, found
        for declared in self.declared.values():
            facts = self.fixture.injector.read(declared.claim)
            assert facts is not None
            assert (facts.namespaces, facts.ready, facts.failed) == expected_counts(snapshot, declared)
        assert set().union(*self.claims.values()) == {declared.claim for declared in self.declared.values()}
        self.cluster.writes.clear()
        for source in list(self.fixture.position):
            self.fixture.relist(source)
        run(self.fixture.settle())
        assert self.cluster.writes == []

    def _settle_all(self) -> None:
        self._finish()
        for _ in SECRETS:
            self.fixture.clock.now += UNANSWERED_WRITE_SECONDS  # by then no write is in flight
            self.fixture.feed()
            for source in list(self.fixture.position):
                self.fixture.relist(source)
            run(self.fixture.settle())
            for who in "abc":
                self._reconcile_registry(who)

    # Helpers

    def _advance(self, data: st.DataObject, steps: int, error: Unavailable | Refused | None) -> None:
        if not self.workers:
            return
        worker = data.draw(st.sampled_from(self.workers))
        for _ in range(steps):
            worker.step()
        # A write that took effect is never refused; its answer may be lost.
        if error and (error is not REFUSAL or worker.where == "before"):
            worker.step(error)
        self._drop_done_workers()

    def _uid(self, who: str) -> str:
        return f"uid-{who}{self.lives[who]}"

    def _adopts(self, secret: str) -> bool:
        adopting = [declared for declared in self.declared.values() if declared.conflict_policy is ConflictPolicy.ADOPT]
        return any(declared.claim.secret_name == secret for declared in adopting)

    def _declare(self, who: str, declared: DesiredInjection) -> None:
        self.declared[who] = declared
        self.claims[who].add(declared.claim)
        self.fixture.injector.declare(declared)
        self._reconcile_registry(who)

    def _reconcile_registry(self, who: str) -> None:
        """Withdraws the claims that are no longer declared, as a reconciliation of the registry does."""
        declared = self.declared.get(who)
        for claim in sorted(self.claims[who], key=str):
            if declared is None or claim != declared.claim:
                self.fixture.injector.withdraw(claim)
                try:
                    if self.fixture.injector.remaining(claim) == 0:
                        self.claims[who].discard(claim)
                except Refused:
                    continue

    def _lose(self, kind: Kind, missed: bool) -> None:
        for source in self.fixture.position:
            if missed and source.kind is kind:
                self.fixture.lose(source)

    def _drop_done_workers(self) -> None:
        self.workers = [worker for worker in self.workers if not worker.is_done]

    def _finish(self) -> None:
        self.cluster.slow = False
        while self.workers:
            self.workers[0].step()
            self._drop_done_workers()


def test_every_history_ends_in_the_required_state() -> None:
    run_state_machine_as_test(Injection, settings=settings(max_examples=200, stateful_step_count=50, deadline=None))
