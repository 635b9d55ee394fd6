"""Everything at once: concurrent writers, changing registries, and faults between the operator and the server.

The seed decides the actions and the faults, but not how they interleave. After the chaos, the cluster must satisfy the
rules of the unit tests, and no further write happens.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.api.v1alpha1 import LabelSelector, NamespaceSelection
from harbor_operator.injector.limits import UNANSWERED_WRITE_SECONDS
from harbor_operator.model.injection import Claim, DesiredInjection
from lab.controlplane import ControlPlane
from lab.fault_proxy import FaultMix, FaultProxy
from lab.operator import USER
from lab.process import scaled
from tests.contract.concurrent_writers import ConcurrentWriter, ExpectedEntries
from tests.contract.injection import (
    RunningInjector,
    listed,
    remove,
    run_injector_through_faults,
    snapshot,
    until,
    wide_rights,
)
from tests.unit.injector.fixture import desired
from tests.unit.injector.rules import DesiredCluster, Snapshot, expected_counts, violations

pytestmark = pytest.mark.lab

NAMES = frozenset({"harbor-pull", "other-pull"})
WRITERS = 3
ACTIONS = 120
TIMEOUT_SECONDS = 180.0

TEAMS = LabelSelector.model_validate({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]})
NOT_B = LabelSelector.model_validate({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["b"]}]})
UNTIERED = LabelSelector.model_validate({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]})
TEAM_A = LabelSelector(match_labels={"team": "a"})
SELECTORS = [TEAMS, NOT_B, UNTIERED, TEAM_A, LabelSelector()]
PATTERNS = [["*-x"], ["storm-??-1", "*-x"], []]
ACCOUNTS = [("default",), ("default", "builder"), ("*",)]


class Registries:
    """Two registries whose desired state changes; each keeps the name of its Secret."""

    def __init__(self, running_injector: RunningInjector, random: random.Random) -> None:
        self._duty = running_injector
        self._random = random
        self._claims: set[Claim] = set()
        self.declared: dict[str, DesiredInjection] = {}
        for uid in ("uid-a", "uid-b"):
            self.change(uid)

    def change(self, uid: str) -> None:
        """Declares other namespaces, other accounts and another credential."""
        random = self._random
        name = {"uid-a": "harbor-pull", "uid-b": "other-pull"}[uid]
        # Only the namespaces of this test, whatever else is in the cluster.
        outside = ["kube-*", "default", "harbor-operator", "[!s]*", "s[!t]*"]
        chosen = NamespaceSelection(selector=random.choice(SELECTORS), exclude=[*outside, *random.choice(PATTERNS)])
        config = json.dumps({"auths": {str(random.random()): {}}})
        claim = Claim(uid, name, random.choice(ACCOUNTS))
        self.declared[uid] = desired(claim, config=config, namespaces=chosen)
        self._claims.add(claim)
        self._duty.injector.declare(self.declared[uid])
        self.withdraw_old_claims()

    def withdraw_old_claims(self) -> None:
        """Withdraws the claims that are no longer declared, as a reconciliation does."""
        present = {desired.claim for desired in self.declared.values()}
        for claim in self._claims - present:
            self._duty.injector.withdraw(claim)
        self._claims = present | {c for c in self._claims - present if self._duty.injector.remaining(c) != 0}

    def is_clean(self) -> bool:
        """Whether nothing is left of earlier claims."""
        self.withdraw_old_claims()
        return self._claims == {desired.claim for desired in self.declared.values()}

    def misreported(self, cluster: Snapshot) -> list[str]:
        """The registries for which the injector reports wrong numbers."""
        read = self._duty.injector.read
        reported = {
            uid: (read(desired.claim), expected_counts(cluster, desired)) for uid, desired in self.declared.items()
        }
        return [
            f"{uid}: {facts} instead of {counts}"
            for uid, (facts, counts) in reported.items()
            if facts is None or (facts.namespaces, facts.ready, facts.failed) != counts
        ]

    def remove_all(self) -> None:
        """Removes all registries."""
        self.declared.clear()


class Chaos:
    """Injects faults, cuts watches, lets the history expire and changes registries, until cancelled."""

    def __init__(self, proxy: FaultProxy, registries: Registries, random: random.Random) -> None:
        self._proxy = proxy
        self._registries = registries
        self._random = random

    async def run(self) -> None:
        self._proxy.fault_mix = FaultMix(self._random)
        actions = [self._proxy.cut, self._proxy.expire, self._change, self._registries.withdraw_old_claims]
        try:
            while True:
                await asyncio.sleep(self._random.uniform(0, 0.2))
                self._random.choice(actions)()
        finally:
            self._proxy.fault_mix = None

    def _change(self) -> None:
        self._registries.change(self._random.choice(["uid-a", "uid-b"]))


@pytest.fixture(scope="module", autouse=True)
def rights(plane: ControlPlane) -> Iterator[None]:
    with wide_rights(plane):
        yield


@pytest.mark.parametrize("seed", [1, 5, 13])
async def test_after_chaos_the_cluster_is_in_the_required_state(
    plane: ControlPlane, http: KubernetesClient, seed: int
) -> None:
    expected = ExpectedEntries(NAMES)
    seeds = [seed * 10 + number for number in range(WRITERS)]
    writers = [ConcurrentWriter(http, random.Random(each), expected, f"storm-{each}") for each in seeds]  # noqa: S311 - a seed makes it repeatable
    async with run_injector_through_faults(plane) as (proxy, running_injector):
        registries = Registries(running_injector, random.Random(seed))  # noqa: S311 - a seed makes it repeatable
        chaos = Chaos(proxy, registries, random.Random(seed + 100))  # noqa: S311 - a seed makes it repeatable
        await run_all(writers, chaos)
        # A new credential resets every back-off, also that of conflicts.
        for uid in ("uid-a", "uid-b"):
            registries.change(uid)
        await until_right(http, registries, expected)
        running_injector.clock.offset += UNANSWERED_WRITE_SECONDS  # by then, no write without answer is in flight
        proxy.expire()
        await until(registries.is_clean)
        assert expected.losses(await listed(http, "serviceaccounts")) == []
        taken = {
            observed.owner
            for observed in (await snapshot(http)).secrets.values()
            if observed.uid in expected.foreign_secrets
        }
        assert taken <= {""}
        await check_relist_writes_nothing(plane, proxy, running_injector)
        registries.remove_all()
        await until_right(http, registries, expected)
        await until(registries.is_clean)
    await remove(http, *(name for writer in writers for name in writer.namespaces))


async def run_all(writers: list[ConcurrentWriter], chaos: Chaos) -> None:
    """Runs all writers during the chaos; it ends with them."""

    async def run_writer(writer: ConcurrentWriter) -> None:
        for _ in range(ACTIONS):
            await writer.execute_random_action()

    for writer in writers:
        await writer.begin(3)
    running_chaos = asyncio.create_task(chaos.run())
    await asyncio.gather(*(run_writer(writer) for writer in writers))
    running_chaos.cancel()
    with suppress(asyncio.CancelledError):
        await running_chaos


async def until_right(http: KubernetesClient, registries: Registries, expected: ExpectedEntries) -> None:
    """Returns once nothing is wrong; fails with the list of what is wrong after the timeout."""
    wrong: list[str] = ["not checked yet"]
    try:
        async with asyncio.timeout(scaled(TIMEOUT_SECONDS)):
            while wrong:
                await asyncio.sleep(0.1)
                registries.withdraw_old_claims()
                cluster = await snapshot(http)
                wrong = [*violations(cluster, rules(registries, expected)), *registries.misreported(cluster)]
    except TimeoutError:
        raise AssertionError(wrong) from None


def rules(registries: Registries, expected: ExpectedEntries) -> DesiredCluster:
    owners = frozenset({"uid-a", "uid-b"})
    return DesiredCluster(list(registries.declared.values()), owners, NAMES, taken=frozenset(expected.taken))


async def check_relist_writes_nothing(
    plane: ControlPlane, proxy: FaultProxy, running_injector: RunningInjector
) -> None:
    """Makes the operator list everything again: it must write nothing."""
    mark = plane.audit.mark()
    before = dict(running_injector.cluster.listed)
    listed_since, sources = running_injector.cluster.listed, running_injector.injector.sources
    async with asyncio.timeout(scaled(TIMEOUT_SECONDS)):
        while not all(listed_since[source] > before[source] for source in sources()):
            proxy.expire()  # again, because it does not reach a watch that is reconnecting
            await asyncio.sleep(1.0)
    assert plane.audit.writes_since(mark, user=USER) == []
