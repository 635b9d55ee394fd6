"""Whatever happens, in any order: exactly the pods that may be evicted are, and none in a hot loop."""

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
INHERITED = st.sampled_from([(), (NAME,), ("theirs", NAME)])
# Most drawn pods miss at most one condition: otherwise the interesting cases would hardly ever be drawn.
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


class Evicting(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.fixture = EvictorFixture()
        self.fixture.inherited.update(dict.fromkeys([("shop", "builder"), ("kube-closed", "default")], (NAME,)))
        self.fixture.evictor.declare(POLICY)
        self.checked = 0
        self.created = 0

    # What users, controllers and kubelets do

    @rule(pod=PODS)
    def create(self, pod: ObservedPod) -> None:
        if (pod.namespace, pod.name) not in self.fixture.pods.pods:
            self.created += 1
            self.fixture.pods.put(replace(pod, uid=f"uid-{self.created}", refused=pod.images))

    @rule(namespace=NAMESPACES, name=NAMES, refused=st.booleans())
    def report(self, namespace: str, name: str, refused: bool) -> None:
        if (pod := self.fixture.pods.pods.get((namespace, name))) and not pod.terminating:
            self.fixture.pods.put(replace(pod, refused=pod.images if refused else ()))

    @rule(namespace=NAMESPACES, name=NAMES)
    def delete(self, namespace: str, name: str) -> None:
        if (pod := self.fixture.pods.pods.get((namespace, name))) and not pod.terminating:
            self.fixture.pods.put(replace(pod, terminating=True))

    @rule(namespace=NAMESPACES, name=NAMES, missed=st.booleans())
    def start(self, namespace: str, name: str, missed: bool) -> None:
        if (namespace, name) in self.fixture.pods.pods:
            self.fixture.pods.remove(namespace, name)
            if missed:
                self.fixture.relist()

    @rule(namespace=NAMESPACES, account=ACCOUNTS, references=INHERITED)
    def set_inherited(self, namespace: str, account: str, references: tuple[str, ...]) -> None:
        self.fixture.inherited[namespace, account] = references

    @rule(wanted=st.booleans())
    def set_policy(self, wanted: bool) -> None:
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
    def fail_to_evict(self) -> None:
        self.fixture.pods.failure = Unavailable("no answer")
        run(self.fixture.evictor.evict_due())
        self.fixture.pods.failure = None

    @rule(seconds=st.sampled_from([0.1, 5.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.fixture.clock.now += seconds

    # What holds always, and in the end

    @invariant()
    def only_allowed_pods_are_evicted(self) -> None:
        if not hasattr(self, "fixture"):
            return
        for pod in self.fixture.pods.evicted[self.checked :]:
            inherited = self.fixture.inherited.get((pod.namespace, pod.account), ())
            assert self.fixture.evictor.policies()
            assert NAME in inherited
            assert NAME not in pod.references
            assert set(pod.references) <= set(inherited)
            assert IMAGE in pod.refused
            assert pod.owner is not None
            assert not pod.terminating
        self.checked = len(self.fixture.pods.evicted)

    @override
    def teardown(self) -> None:
        if not hasattr(self, "fixture") or not self.fixture.evictor.policies():
            return
        run(self.fixture.settle(within=6000))
        for pod in self.fixture.pods.pods.values():
            inherited = self.fixture.inherited.get((pod.namespace, pod.account), ())
            doomed = IMAGE in pod.refused and NAME in inherited and set(pod.references) <= set(inherited) - {NAME}
            assert pod.terminating or pod.owner is None or not doomed
        asked = self.fixture.pods.requests
        run(self.fixture.settle(within=600))
        assert self.fixture.pods.requests == asked


class FailingController(RuleBasedStateMachine):
    """A controller whose pods always come back without the reference, at once."""

    @initialize()
    def begin(self) -> None:
        self.fixture = EvictorFixture()
        self.fixture.evictor.declare(POLICY)
        self.started_at = self.fixture.clock.now

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 30.0, 300.0, 3000.0]))
    def live(self, seconds: float) -> None:
        if not self.fixture.pods.pods:
            owner = Owner("ReplicaSet", "app", "rs")
            name = f"pod-{self.fixture.pods.revision}"
            self.fixture.pods.put(ObservedPod("shop", name, name, 0, "default", (), (IMAGE,), (IMAGE,), owner))
        self.fixture.clock.now += seconds
        run(self.fixture.settle())

    @invariant()
    def each_eviction_waited_four_times_as_long(self) -> None:
        if hasattr(self, "fixture") and self.fixture.pods.evicted:
            times = len(self.fixture.pods.evicted)
            least = sum(min(15.0 * 4**wave, 3600.0) for wave in range(times - 1))
            assert self.fixture.clock.now - self.started_at >= least


SETTINGS = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_exactly_the_allowed_pods_are_evicted() -> None:
    run_state_machine_as_test(Evicting, settings=SETTINGS)


def test_nothing_is_evicted_in_a_hot_loop() -> None:
    run_state_machine_as_test(FailingController, settings=SETTINGS)
