"""What pull Secrets cost the API server, by its own record: a write per Secret and per service account, never a read.

Everything that the operator's user asked for between two moments is counted, lists and refused requests included.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.model.injection import Claim
from lab.controlplane import ControlPlane
from lab.operator import USER
from tests.contract.injection import (
    CHOSEN,
    Duty,
    is_spread,
    make,
    on_a_bad_road,
    on_duty,
    remove,
    the_wish,
    until,
    wide_rights,
)
from tests.unit.injector.fixture import CLAIM

pytestmark = pytest.mark.lab
BURST = 150
SECRET = ("patch", "secrets")
ACCOUNT = ("patch", "serviceaccounts")
OTHER = Claim("uid-b", "other-pull", ("default",))

Spent = Counter[tuple[str, str]]


class Purse:
    """Counts what the operator's user has asked for."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._mark = plane.audit.mark()

    def spent(self) -> Spent:
        return Counter((event.verb, event.resource) for event in self._plane.audit.since(self._mark, user=USER))


@pytest.fixture(scope="module", autouse=True)
def rights(plane: ControlPlane) -> Iterator[None]:
    with wide_rights(plane):
        yield


async def settled(duty: Duty, *claims: Claim, count: int = 0) -> None:
    for claim in claims:
        duty.injector.declare(the_wish(claim=claim))
    for claim in claims:
        await until(is_spread(duty.injector, count, claim))


async def leave(duty: Duty, http: KubernetesClient, claims: tuple[Claim, ...], *names: str) -> None:
    """Takes everything back, so that the next test begins with an empty cluster."""
    for claim in claims:
        duty.injector.withdraw(claim)
    await until(lambda: all(duty.injector.remaining(claim) == 0 for claim in claims))
    await remove(http, *names)


async def make_account(http: KubernetesClient, namespace: str, name: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert not isinstance(
        await http.request("POST", path, body=RequestBody.plain({"metadata": {"name": name}})), ApiError
    )


async def test_one_namespace(plane: ControlPlane, http: KubernetesClient) -> None:
    async with on_duty(plane) as duty:
        await settled(duty, CLAIM)
        purse = Purse(plane)
        await make(http, "budget-one")
        await until(is_spread(duty.injector, 1))
        assert purse.spent() == {SECRET: 1, ACCOUNT: 1}
        await leave(duty, http, (CLAIM,), "budget-one")


async def test_a_burst(plane: ControlPlane, http: KubernetesClient) -> None:
    names = [f"budget-burst-{index:03}" for index in range(BURST)]
    async with on_duty(plane) as duty:
        await settled(duty, CLAIM)
        purse = Purse(plane)
        await asyncio.gather(*(make(http, name) for name in names))
        await until(is_spread(duty.injector, BURST))
        assert purse.spent() == {SECRET: BURST, ACCOUNT: BURST}
        await leave(duty, http, (CLAIM,), *names)


async def test_accounts_that_come_before_their_namespace_is_seen(plane: ControlPlane, http: KubernetesClient) -> None:
    names = [f"budget-early-{index}" for index in range(5)]
    async with on_a_bad_road(plane) as (road, duty):
        await settled(duty, CLAIM)
        purse = Purse(plane)
        with road.held("namespaces"):
            await make(http, *names)
            await until(lambda: {(name, "default") for name in names} <= duty.cluster.accounts)
            assert purse.spent() == {}
        await until(is_spread(duty.injector, len(names)))
        assert purse.spent() == {SECRET: len(names), ACCOUNT: len(names)}
        await leave(duty, http, (CLAIM,), *names)


async def test_an_account_that_comes_late(plane: ControlPlane, http: KubernetesClient) -> None:
    claim = Claim("uid-a", "harbor-pull", ("default", "builder"))
    async with on_duty(plane) as duty:
        await settled(duty, claim)
        purse = Purse(plane)
        await make(http, "budget-late")
        await until(is_spread(duty.injector, 1, claim))
        assert purse.spent() == {SECRET: 1, ACCOUNT: 1}
        await make_account(http, "budget-late", "builder")
        await until(lambda: purse.spent() == {SECRET: 1, ACCOUNT: 2})
        await until(is_spread(duty.injector, 1, claim))
        await leave(duty, http, (claim,), "budget-late")


async def test_every_account(plane: ControlPlane, http: KubernetesClient) -> None:
    claim = Claim("uid-a", "harbor-pull", ("*",))
    async with on_duty(plane) as duty:
        duty.injector.declare(the_wish(claim=claim))
        await until(is_spread(duty.injector, 0, claim))
        purse = Purse(plane)
        await make(http, "budget-every")
        for name in ("builder", "deployer"):
            await make_account(http, "budget-every", name)
        await until(lambda: purse.spent().total() == 4)
        await until(is_spread(duty.injector, 1, claim))
        assert purse.spent() == {SECRET: 1, ACCOUNT: 3}
        await leave(duty, http, (claim,), "budget-every")


async def test_a_second_registry_shares_the_write_of_the_account(plane: ControlPlane, http: KubernetesClient) -> None:
    async with on_duty(plane) as duty:
        await settled(duty, CLAIM, OTHER)
        purse = Purse(plane)
        await make(http, "budget-two")
        for claim in (CLAIM, OTHER):
            await until(is_spread(duty.injector, 1, claim))
        assert purse.spent() == {SECRET: 2, ACCOUNT: 1}
        await leave(duty, http, (CLAIM, OTHER), "budget-two")


async def test_a_label_that_brings_a_namespace_in_and_out(plane: ControlPlane, http: KubernetesClient) -> None:
    path = "/api/v1/namespaces/budget-label"
    async with on_duty(plane) as duty:
        await settled(duty, CLAIM)
        await http.request("POST", "/api/v1/namespaces", body=RequestBody.plain({"metadata": {"name": "budget-label"}}))
        await until(lambda: ("budget-label", "default") in duty.cluster.accounts)
        purse = Purse(plane)
        await http.request("PATCH", path, body=RequestBody.merge_patch({"metadata": {"labels": CHOSEN}}))
        await until(is_spread(duty.injector, 1))
        assert purse.spent() == {SECRET: 1, ACCOUNT: 1}
        purse = Purse(plane)
        gone = dict.fromkeys(CHOSEN)
        await http.request("PATCH", path, body=RequestBody.merge_patch({"metadata": {"labels": gone}}))
        await until(is_spread(duty.injector, 0))
        await until(lambda: purse.spent() == {ACCOUNT: 1, ("delete", "secrets"): 1})
        await leave(duty, http, (CLAIM,), "budget-label")


async def test_lists_made_anew_and_a_restart_write_nothing(plane: ControlPlane, http: KubernetesClient) -> None:
    names = [f"budget-again-{index}" for index in range(5)]
    async with on_a_bad_road(plane) as (road, duty):
        await settled(duty, CLAIM)
        await make(http, *names)
        await until(is_spread(duty.injector, len(names)))
        purse = Purse(plane)
        road.expire()
        await until(lambda: min(duty.cluster.listed.values()) == 2)
        await until(lambda: purse.spent()["list", "secrets"] == 1)
        assert {verb for verb, _ in purse.spent()} <= {"list", "watch"}
    purse = Purse(plane)
    async with on_duty(plane) as duty:
        await settled(duty, CLAIM, count=len(names))
        assert {verb for verb, _ in purse.spent()} <= {"list", "watch"}
        await leave(duty, http, (CLAIM,), *names)
