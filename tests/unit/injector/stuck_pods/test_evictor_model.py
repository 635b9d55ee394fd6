"""Whatever comes in whatever order: nothing is evicted that may not be, nothing in a hot loop, and all that may is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from typing_extensions import override

from harbor_operator.model.pods import ObservedPod, Owner
from harbor_operator.ports import Unavailable
from tests.unit.injector.asyncrun import run
from tests.unit.injector.fixture import NAME
from tests.unit.injector.stuck_pods.fixture import IMAGE, POLICY, EvictorFixture

NAMESPACES = st.sampled_from(["shop", "kube-closed"])
ACCOUNTS = st.sampled_from(["default", "builder"])
NAMES = st.sampled_from(["one", "two"])
OFFERS = st.sampled_from([(), (NAME,), ("theirs", NAME)])
# Most pods are to be evicted but for one thing: else chance would hardly ever try that thing.
PODS = st.builds(
    ObservedPod,
    namespace=NAMESPACES,
    name=NAMES,
    uid=st.just(""),
    revision=st.just(0),
    account=ACCOUNTS,
    references=st.sampled_from([(), (), (), (NAME,), ("theirs",), ("own",)]),
    images=st.sampled_from([(IMAGE,), (IMAGE,), (IMAGE,), ("other.example.com/app:1",)]),
    owner=st.sampled_from([Owner("ReplicaSet", "app", "rs"), Owner("Job", "run", "job"), None]),
)


class Rescuing(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.fixture = EvictorFixture()
        self.fixture.inherited.update(dict.fromkeys([("shop", "builder"), ("kube-closed", "default")], (NAME,)))
        self.fixture.evictor.declare(POLICY)
        self.judged = 0
        self.born = 0

    # What people, controllers and kubelets do

    @rule(pod=PODS)
    def create(self, pod: ObservedPod) -> None:
        if (pod.namespace, pod.name) not in self.fixture.pods.pods:
            self.born += 1
            self.fixture.pods.put(replace(pod, uid=f"uid-{self.born}", refused=pod.images))

    @rule(namespace=NAMESPACES, name=NAMES, refused=st.booleans())
    def report(self, namespace: str, name: str, refused: bool) -> None:
        if (pod := self.fixture.pods.pods.get((namespace, name))) and not pod.terminating:
            self.fixture.pods.put(replace(pod, refused=pod.images if refused else ()))

    @rule(namespace=NAMESPACES, name=NAMES)
    def delete(self, namespace: str, name: str) -> None:
        if (pod := self.fixture.pods.pods.get((namespace, name))) and not pod.terminating:
            self.fixture.pods.put(replace(pod, terminating=True))

    @rule(namespace=NAMESPACES, name=NAMES, unseen=st.booleans())
    def start(self, namespace: str, name: str, unseen: bool) -> None:
        if (namespace, name) in self.fixture.pods.pods:
            self.fixture.pods.remove(namespace, name)
            if unseen:
                self.fixture.relist()

    @rule(namespace=NAMESPACES, account=ACCOUNTS, offer=OFFERS)
    def settle_account(self, namespace: str, account: str, offer: tuple[str, ...]) -> None:
        self.fixture.inherited[namespace, account] = offer

    @rule(wanted=st.booleans())
    def decide(self, wanted: bool) -> None:
        if not wanted:
            self.fixture.evictor.withdraw(POLICY.registry_uid)
        elif not self.fixture.evictor.policies():
            self.fixture.evictor.declare(POLICY)
            self.fixture.evictor.reset()
            self.fixture.relist()

    # What time and the network do

    @rule()
    def feed(self) -> None:
        self.fixture.feed()

    @rule()
    def work(self) -> None:
        run(self.fixture.evictor.evict_due())

    @rule()
    def feed_and_work(self) -> None:
        run(self.fixture.settle())

    @rule()
    def work_in_vain(self) -> None:
        self.fixture.pods.failure = Unavailable("no answer")
        run(self.fixture.evictor.evict_due())
        self.fixture.pods.failure = None

    @rule(seconds=st.sampled_from([0.1, 5.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.fixture.clock.now += seconds

    # What must hold always, and in the end

    @invariant()
    def nothing_is_evicted_that_may_not_be(self) -> None:
        if not hasattr(self, "fixture"):
            return
        for pod in self.fixture.pods.evicted[self.judged :]:
            offered = self.fixture.inherited.get((pod.namespace, pod.account), ())
            assert self.fixture.evictor.policies()
            assert NAME in offered
            assert NAME not in pod.references
            assert set(pod.references) <= set(offered)
            assert IMAGE in pod.refused
            assert pod.owner is not None
            assert not pod.terminating
        self.judged = len(self.fixture.pods.evicted)

    @override
    def teardown(self) -> None:
        if not hasattr(self, "fixture") or not self.fixture.evictor.policies():
            return
        run(self.fixture.settle(within=6000))
        for pod in self.fixture.pods.pods.values():
            offered = self.fixture.inherited.get((pod.namespace, pod.account), ())
            doomed = IMAGE in pod.refused and NAME in offered and set(pod.references) <= set(offered) - {NAME}
            assert pod.terminating or pod.owner is None or not doomed
        asked = self.fixture.pods.requests
        run(self.fixture.settle(within=600))
        assert self.fixture.pods.requests == asked


class Stubborn(RuleBasedStateMachine):
    """A controller whose pods come back without the reference, at once and for ever."""

    @initialize()
    def begin(self) -> None:
        self.fixture = EvictorFixture()
        self.fixture.evictor.declare(POLICY)
        self.began = self.fixture.clock.now

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 30.0, 300.0, 3000.0]))
    def live(self, seconds: float) -> None:
        if not self.fixture.pods.pods:
            owner = Owner("ReplicaSet", "app", "rs")
            name = f"pod-{self.fixture.pods.revision}"
            self.fixture.pods.put(ObservedPod("shop", name, name, 0, "default", (), (IMAGE,), (IMAGE,), owner))
        self.fixture.clock.now += seconds
        run(self.fixture.settle())

    @invariant()
    def each_eviction_had_to_wait_four_times_as_long(self) -> None:
        if hasattr(self, "fixture") and self.fixture.pods.evicted:
            times = len(self.fixture.pods.evicted)
            least = sum(min(15.0 * 4**wave, 3600.0) for wave in range(times - 1))
            assert self.fixture.clock.now - self.began >= least


SETTINGS = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_nothing_is_evicted_that_may_not_be_and_all_that_may_is() -> None:
    run_state_machine_as_test(Rescuing, settings=SETTINGS)


def test_nothing_is_evicted_in_a_hot_loop() -> None:
    run_state_machine_as_test(Stubborn, settings=SETTINGS)
