"""Everything at once: people, other controllers, changing wishes, and a bad road between the operator and the server.

The seed decides what people do and what befalls requests; the order in which things meet is that of the day. When the
weather has calmed down, the cluster must be as the model of the unit tests says, and not a write more is made.
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
from harbor_operator.injector.backoff import UNANSWERED_WRITE_SECONDS
from harbor_operator.model.injection import Claim, DesiredInjection
from lab.controlplane import ControlPlane
from lab.fault_proxy import FaultMix, FaultProxy
from lab.operator import USER
from tests.contract.injection import Duty, listed, on_a_bad_road, remove, snapshot, until, wide_rights
from tests.contract.people import Ledger, Person
from tests.unit.injector.rules import Snapshot, Wishes, breaches, tally
from tests.unit.injector.world import desired

pytestmark = pytest.mark.lab

NAMES = frozenset({"harbor-pull", "other-pull"})
PEOPLE = 3
ACTS = 120
CALM_SECONDS = 180.0

TEAMS = LabelSelector.model_validate({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]})
NOT_B = LabelSelector.model_validate({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["b"]}]})
UNTIERED = LabelSelector.model_validate({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]})
TEAM_A = LabelSelector(match_labels={"team": "a"})
SELECTORS = [TEAMS, NOT_B, UNTIERED, TEAM_A, LabelSelector()]
PATTERNS = [["*-x"], ["storm-??-1", "*-x"], []]
ACCOUNTS = [("default",), ("default", "builder"), ("*",)]


class Registries:
    """Two registries whose wishes change; each keeps the name of its Secret, as the older of two rivals does."""

    def __init__(self, duty: Duty, random: random.Random) -> None:
        self._duty = duty
        self._random = random
        self._claims: set[Claim] = set()
        self.wishes: dict[str, DesiredInjection] = {}
        for uid in ("uid-a", "uid-b"):
            self.change(uid)

    def change(self, uid: str) -> None:
        """Asks for something else: other namespaces, other accounts, another credential."""
        random = self._random
        name = {"uid-a": "harbor-pull", "uid-b": "other-pull"}[uid]
        # Only the namespaces of this test, whatever else is in the cluster.
        outside = ["kube-*", "default", "harbor-operator", "[!s]*", "s[!t]*"]
        chosen = NamespaceSelection(selector=random.choice(SELECTORS), exclude=[*outside, *random.choice(PATTERNS)])
        config = json.dumps({"auths": {str(random.random()): {}}})
        claim = Claim(uid, name, random.choice(ACCOUNTS))
        self.wishes[uid] = desired(claim, config=config, namespaces=chosen)
        self._claims.add(claim)
        self._duty.injector.declare(self.wishes[uid])
        self.look()

    def look(self) -> None:
        """Takes back what is claimed no more, as a pass does."""
        present = {desired.claim for desired in self.wishes.values()}
        for claim in self._claims - present:
            self._duty.injector.withdraw(claim)
        self._claims = present | {c for c in self._claims - present if self._duty.injector.remaining(c) != 0}

    def is_clean(self) -> bool:
        """Whether nothing is left of what was claimed before."""
        self.look()
        return self._claims == {desired.claim for desired in self.wishes.values()}

    def untold(self, cluster: Snapshot) -> list[str]:
        """Where the injector tells other numbers than the cluster."""
        read = self._duty.injector.read
        told = {uid: (read(desired.claim), tally(cluster, desired)) for uid, desired in self.wishes.items()}
        return [
            f"{uid}: {facts} instead of {counts}"
            for uid, (facts, counts) in told.items()
            if facts is None or (facts.namespaces, facts.ready, facts.failed) != counts
        ]

    def leave(self) -> None:
        """Asks for nothing any more."""
        self.wishes.clear()


class Weather:
    """Makes the road bad, cuts watches, lets history expire and changes wishes until it is told to stop."""

    def __init__(self, road: FaultProxy, registries: Registries, random: random.Random) -> None:
        self._road = road
        self._registries = registries
        self._random = random

    async def rage(self) -> None:
        self._road.fault_mix = FaultMix(self._random)
        acts = [self._road.cut, self._road.expire, self._change, self._registries.look]
        try:
            while True:
                await asyncio.sleep(self._random.uniform(0, 0.2))
                self._random.choice(acts)()
        finally:
            self._road.fault_mix = None

    def _change(self) -> None:
        self._registries.change(self._random.choice(["uid-a", "uid-b"]))


@pytest.fixture(scope="module", autouse=True)
def rights(plane: ControlPlane) -> Iterator[None]:
    with wide_rights(plane):
        yield


@pytest.mark.parametrize("seed", [1, 5, 13])
async def test_after_a_storm_everything_is_as_it_should_be(
    plane: ControlPlane, http: KubernetesClient, seed: int
) -> None:
    ledger = Ledger(NAMES)
    people = [Person(http, random.Random(seed * 10 + i), ledger, f"storm-{seed}{i}") for i in range(PEOPLE)]  # noqa: S311 - a seed makes it repeatable
    async with on_a_bad_road(plane) as (road, duty):
        registries = Registries(duty, random.Random(seed))  # noqa: S311 - a seed makes it repeatable
        weather = Weather(road, registries, random.Random(seed + 100))  # noqa: S311 - a seed makes it repeatable
        await live_through(people, weather)
        # A new credential ends every wait: also where our work was undone again and again.
        for uid in ("uid-a", "uid-b"):
            registries.change(uid)
        await until_right(http, registries, ledger)
        duty.clock.ahead += UNANSWERED_WRITE_SECONDS  # by then nothing that got no answer is on its way any more
        road.expire()
        await until(registries.is_clean)
        assert ledger.losses(await listed(http, "serviceaccounts")) == []
        taken = {
            observed.owner for observed in (await snapshot(http)).secrets.values() if observed.uid in ledger.strangers
        }
        assert taken <= {""}
        await rest(plane, road, duty)
        registries.leave()
        await until_right(http, registries, ledger)
        await until(registries.is_clean)
    await remove(http, *(name for person in people for name in person.places))


async def live_through(people: list[Person], weather: Weather) -> None:
    """Lets everybody act in bad weather, and the weather end with them."""

    async def live(person: Person) -> None:
        for _ in range(ACTS):
            await person.act()

    for person in people:
        await person.begin(3)
    raging = asyncio.create_task(weather.rage())
    await asyncio.gather(*(live(person) for person in people))
    raging.cancel()
    with suppress(asyncio.CancelledError):
        await raging


async def until_right(http: KubernetesClient, registries: Registries, ledger: Ledger) -> None:
    """Returns once nothing is wrong any more; TimeoutError is raised from what still was."""
    wrong: list[str] = ["nobody has looked yet"]
    try:
        async with asyncio.timeout(CALM_SECONDS):
            while wrong:
                await asyncio.sleep(0.1)
                registries.look()
                cluster = await snapshot(http)
                wrong = [*breaches(cluster, rules(registries, ledger)), *registries.untold(cluster)]
    except TimeoutError:
        raise AssertionError(wrong) from None


def rules(registries: Registries, ledger: Ledger) -> Wishes:
    owners = frozenset({"uid-a", "uid-b"})
    return Wishes(list(registries.wishes.values()), owners, NAMES, taken=frozenset(ledger.taken))


async def rest(plane: ControlPlane, road: FaultProxy, duty: Duty) -> None:
    """Lets the operator look at everything once more: it writes nothing."""
    mark = plane.audit.mark()
    before = dict(duty.cluster.listed)
    road.expire()
    await until(lambda: all(duty.cluster.listed[source] > before[source] for source in duty.injector.sources()))
    assert plane.audit.writes_since(mark, user=USER) == []
