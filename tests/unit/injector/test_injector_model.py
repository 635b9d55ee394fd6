"""Whatever comes in whatever order, twice or not at all: in the end the cluster is as the rules say, and stays so."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from typing_extensions import override

from harbor_operator.api.v1alpha1 import ConflictPolicy, LabelSelector, NamespaceSelection
from harbor_operator.plan.holding import digest_of, encode
from harbor_operator.plan.selection import is_selected
from harbor_operator.ports import Unavailable
from harbor_operator.ports.cluster import Kind
from harbor_operator.ports.distribution import Claim, DistributionWish
from tests.fakes.cluster import FOREIGN
from tests.unit.injector.asyncrun import run
from tests.unit.injector.world import World, wish

NAMESPACES = st.sampled_from(["app", "blue"])
LABELS = st.sampled_from([{"team": "a"}, {}])
ACCOUNTS = st.sampled_from(["default", "builder"])
SECRETS = st.sampled_from(["harbor-pull", "other-pull"])
CLAIMED = st.sampled_from([("default",), ("builder",), ("default", "builder"), ("*",)])
SELECTIONS = st.sampled_from(
    [NamespaceSelection(), NamespaceSelection(selector=LabelSelector(match_labels={"team": "a"}))]
)
# One registry per Secret name at a time: the step above the injector sees to that.
UIDS = {"harbor-pull": "uid-a", "other-pull": "uid-b"}


class Injection(RuleBasedStateMachine):
    restarts = True

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.declared: dict[str, DistributionWish] = {}

    # What people do

    @rule(name=NAMESPACES, labels=LABELS)
    def label(self, name: str, labels: dict[str, str]) -> None:
        self.world.cluster.add_namespace(name, labels)

    @rule(name=NAMESPACES, unseen=st.booleans())
    def delete_namespace(self, name: str, unseen: bool) -> None:
        if name in self.world.cluster.namespaces:
            self.world.cluster.delete_namespace(name)
            self._lose(Kind.NAMESPACES, unseen)

    @rule(name=NAMESPACES, account=ACCOUNTS, before=st.booleans())
    def write_account(self, name: str, account: str, before: bool) -> None:
        """Adds an entry of theirs, or makes the account anew without ours."""
        if name not in self.world.cluster.namespaces:
            return
        seen = self.world.cluster.accounts.get((name, account))
        kept = seen.references if seen and before else ()
        theirs = () if "theirs" in kept else ("theirs",)
        self.world.cluster.put_account(name, account, (*theirs, *kept))

    @rule(name=NAMESPACES, account=ACCOUNTS, unseen=st.booleans())
    def delete_account(self, name: str, account: str, unseen: bool) -> None:
        if (name, account) in self.world.cluster.accounts:
            self.world.cluster.delete_account(name, account)
            self._lose(Kind.ACCOUNTS, unseen)

    @rule(name=NAMESPACES, secret=SECRETS, ours=st.booleans())
    def write_secret(self, name: str, secret: str, ours: bool) -> None:
        """Edits our Secret, or writes one of that name that is not ours."""
        if name in self.world.cluster.namespaces:
            seen = self.world.cluster.secrets.get((name, secret))
            self.world.cluster.put_secret(name, secret, owner=seen.owner if seen and ours else "")

    @rule(name=NAMESPACES, secret=SECRETS, unseen=st.booleans())
    def delete_secret(self, name: str, secret: str, unseen: bool) -> None:
        if (name, secret) in self.world.cluster.secrets:
            self.world.cluster.delete_secret(name, secret)
            self._lose(Kind.SECRETS, unseen)

    # What the registries ask

    @rule(secret=SECRETS, accounts=CLAIMED, chosen=SELECTIONS, config=st.sampled_from("12"), adopt=st.booleans())
    def declare(
        self, secret: str, accounts: tuple[str, ...], chosen: NamespaceSelection, config: str, adopt: bool
    ) -> None:
        policy = ConflictPolicy.ADOPT if adopt else ConflictPolicy.REFUSE
        claim = Claim(UIDS[secret], secret, accounts)
        self.declared[secret] = wish(claim, config=config, namespaces=chosen, policy=policy)
        self.world.injector.declare(self.declared[secret])

    @rule(secret=SECRETS)
    def withdraw(self, secret: str) -> None:
        if secret in self.declared:
            self.world.injector.withdraw(self.declared.pop(secret).claim)

    # What the network does

    @rule()
    def feed(self) -> None:
        self.world.feed()

    @rule(data=st.data())
    def tell_a_little(self, data: st.DataObject) -> None:
        if sources := sorted(self.world._position, key=str):
            self.world.tell(data.draw(st.sampled_from(sources)), limit=1)

    def _lose(self, kind: Kind, unseen: bool) -> None:
        for source in self.world._position:
            if unseen and source.kind is kind:
                self.world.lose(source)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if self.world.cluster.history and (sources := sorted(self.world._position, key=str)):
            kind, change = data.draw(st.sampled_from(self.world.cluster.history))
            source = data.draw(st.sampled_from(sources))
            if source.kind is kind and source.name in {"", getattr(change, "name", "")}:
                self.world.repeat(source, change)

    @rule()
    def work(self) -> None:
        run(self.world.work())

    @rule()
    def settle(self) -> None:
        run(self.world.settle())

    @rule()
    def work_in_vain(self) -> None:
        self.world.cluster.failure = Unavailable("no answer")
        run(self.world.work())
        self.world.cluster.failure = None

    @rule()
    def restart(self) -> None:
        if not self.restarts:
            return
        self.world.start()
        for declared in self.declared.values():
            self.world.injector.declare(declared)

    # What must hold in the end

    @override
    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.feed()
        for source in list(self.world._position):
            self.world.relist(source)
        run(self.world.settle())
        for name in self.world.cluster.namespaces:
            for secret in UIDS:
                self._check(name, secret)
        for found in self.world.cluster.accounts.values():
            assert found.references[0] == "theirs"
        self.world.cluster.writes.clear()
        run(self.world.settle())
        assert self.world.cluster.writes == []

    def _check(self, name: str, secret: str) -> None:
        declared = self.declared.get(secret)
        labels = self.world.cluster.namespaces[name].labels
        seen = self.world.cluster.secrets.get((name, secret))
        foreign = seen is not None and seen.owner == ""
        references = {
            account: found for (namespace, account), found in self.world.cluster.accounts.items() if namespace == name
        }
        if seen is None:
            assert not any(secret in found.references and secret in found.attached for found in references.values())
        if declared is None or not is_selected(declared.namespaces, name, labels):
            # A restart forgets what was withdrawn; the step above the injector withdraws it again.
            assert self.restarts or seen is None or foreign
            return
        if foreign:
            assert declared.conflict_policy is ConflictPolicy.REFUSE
            assert seen is not None
            assert seen.digest == FOREIGN
            return
        assert seen is not None
        assert seen.digest == digest_of(encode(declared.docker_config.get_secret_value()))
        for account, found in references.items():
            if {account, "*"} & set(declared.claim.service_accounts):
                assert secret in found.references
                assert len(set(found.references)) == len(found.references)


class Withdrawal(Injection):
    """The same without restarts, which forget what was withdrawn: nothing of ours is left where nobody wants it."""

    restarts = False


SETTINGS = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_any_history_ends_as_the_rules_say() -> None:
    run_state_machine_as_test(Injection, settings=SETTINGS)


def test_any_history_leaves_nothing_behind() -> None:
    run_state_machine_as_test(Withdrawal, settings=SETTINGS)
