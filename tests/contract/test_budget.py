"""The requests of the injector, from the audit log: one write per Secret and per service account, and no read.

All requests of the operator's user are counted, including lists and rejected ones. Only watches are not: the API
server ends a watch at any time, for example when its client is slow, and the operator then continues it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.model.injection import Claim
from lab.controlplane import ControlPlane
from lab.operator import USER
from tests.contract.injection import (
    CHOSEN,
    RunningInjector,
    create,
    is_injected,
    remove,
    remove_selected,
    run_injector,
    run_injector_through_faults,
    selected_injection,
    until,
    wide_rights,
)
from tests.unit.injector.fixture import CLAIM

pytestmark = pytest.mark.lab
BURST = 150
SECRET = ("patch", "secrets")
ACCOUNT = ("patch", "serviceaccounts")
OTHER = Claim("uid-b", "other-pull", ("default",))

Requests = Counter[tuple[str, str]]


class RequestBudget:
    """Counts the requests of the operator's user since its creation."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._mark = plane.audit.mark()

    def requests(self) -> Requests:
        events = self._plane.audit.since(self._mark, user=USER)
        return Counter((event.verb, event.resource) for event in events if event.verb != "watch")


@pytest.fixture(scope="module", autouse=True)
def rights(plane: ControlPlane) -> Iterator[None]:
    with wide_rights(plane):
        yield


async def settled(running_injector: RunningInjector, *claims: Claim, count: int = 0) -> None:
    for claim in claims:
        running_injector.injector.declare(selected_injection(claim=claim))
    for claim in claims:
        await until(is_injected(running_injector.injector, count, claim))


async def clean_up(
    running_injector: RunningInjector, http: KubernetesClient, claims: tuple[Claim, ...], *names: str
) -> None:
    """Withdraws all claims, so that the next test starts with an empty cluster."""
    for claim in claims:
        running_injector.injector.withdraw(claim)
    await until(lambda: all(running_injector.injector.remaining(claim) == 0 for claim in claims))
    await remove(http, *names)


@pytest.fixture(autouse=True)
async def cleaned(http: KubernetesClient) -> AsyncIterator[None]:
    """Ends the namespaces of a test that failed before it did so: the next one counts all selected namespaces."""
    yield
    await remove_selected(http)


async def make_account(http: KubernetesClient, namespace: str, name: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert not isinstance(
        await http.request("POST", path, body=RequestBody.plain({"metadata": {"name": name}})), ApiError
    )


async def test_one_namespace(plane: ControlPlane, http: KubernetesClient) -> None:
    async with run_injector(plane) as running_injector:
        await settled(running_injector, CLAIM)
        budget = RequestBudget(plane)
        await create(http, "budget-one")
        await until(is_injected(running_injector.injector, 1))
        assert budget.requests() == {SECRET: 1, ACCOUNT: 1}
        await clean_up(running_injector, http, (CLAIM,), "budget-one")


async def test_a_burst(plane: ControlPlane, http: KubernetesClient) -> None:
    names = [f"budget-burst-{index:03}" for index in range(BURST)]
    async with run_injector(plane) as running_injector:
        await settled(running_injector, CLAIM)
        budget = RequestBudget(plane)
        await asyncio.gather(*(create(http, name) for name in names))
        await until(is_injected(running_injector.injector, BURST))
        assert budget.requests() == {SECRET: BURST, ACCOUNT: BURST}
        await clean_up(running_injector, http, (CLAIM,), *names)


async def test_accounts_observed_before_their_namespace(plane: ControlPlane, http: KubernetesClient) -> None:
    names = [f"budget-early-{index}" for index in range(5)]
    async with run_injector_through_faults(plane) as (road, running_injector):
        await settled(running_injector, CLAIM)
        budget = RequestBudget(plane)
        with road.held("namespaces"):
            await create(http, *names)
            await until(lambda: {(name, "default") for name in names} <= running_injector.cluster.accounts)
            assert budget.requests() == {}
        await until(is_injected(running_injector.injector, len(names)))
        assert budget.requests() == {SECRET: len(names), ACCOUNT: len(names)}
        await clean_up(running_injector, http, (CLAIM,), *names)


async def test_an_account_created_later(plane: ControlPlane, http: KubernetesClient) -> None:
    claim = Claim("uid-a", "harbor-pull", ("default", "builder"))
    async with run_injector(plane) as running_injector:
        await settled(running_injector, claim)
        budget = RequestBudget(plane)
        await create(http, "budget-late")
        await until(is_injected(running_injector.injector, 1, claim))
        assert budget.requests() == {SECRET: 1, ACCOUNT: 1}
        await make_account(http, "budget-late", "builder")
        await until(lambda: budget.requests() == {SECRET: 1, ACCOUNT: 2})
        await until(is_injected(running_injector.injector, 1, claim))
        await clean_up(running_injector, http, (claim,), "budget-late")


async def test_every_account(plane: ControlPlane, http: KubernetesClient) -> None:
    claim = Claim("uid-a", "harbor-pull", ("*",))
    async with run_injector(plane) as running_injector:
        running_injector.injector.declare(selected_injection(claim=claim))
        await until(is_injected(running_injector.injector, 0, claim))
        budget = RequestBudget(plane)
        await create(http, "budget-every")
        for name in ("builder", "deployer"):
            await make_account(http, "budget-every", name)
        await until(lambda: budget.requests().total() == 4)
        await until(is_injected(running_injector.injector, 1, claim))
        assert budget.requests() == {SECRET: 1, ACCOUNT: 3}
        await clean_up(running_injector, http, (claim,), "budget-every")


async def test_a_second_registry_shares_the_write_of_the_account(plane: ControlPlane, http: KubernetesClient) -> None:
    async with run_injector(plane) as running_injector:
        await settled(running_injector, CLAIM, OTHER)
        budget = RequestBudget(plane)
        await create(http, "budget-two")
        for claim in (CLAIM, OTHER):
            await until(is_injected(running_injector.injector, 1, claim))
        assert budget.requests() == {SECRET: 2, ACCOUNT: 1}
        await clean_up(running_injector, http, (CLAIM, OTHER), "budget-two")


async def test_a_label_that_selects_and_unselects_a_namespace(plane: ControlPlane, http: KubernetesClient) -> None:
    path = "/api/v1/namespaces/budget-label"
    async with run_injector(plane) as running_injector:
        await settled(running_injector, CLAIM)
        await http.request("POST", "/api/v1/namespaces", body=RequestBody.plain({"metadata": {"name": "budget-label"}}))
        await until(lambda: ("budget-label", "default") in running_injector.cluster.accounts)
        budget = RequestBudget(plane)
        await http.request("PATCH", path, body=RequestBody.merge_patch({"metadata": {"labels": CHOSEN}}))
        await until(is_injected(running_injector.injector, 1))
        assert budget.requests() == {SECRET: 1, ACCOUNT: 1}
        budget = RequestBudget(plane)
        gone = dict.fromkeys(CHOSEN)
        await http.request("PATCH", path, body=RequestBody.merge_patch({"metadata": {"labels": gone}}))
        await until(is_injected(running_injector.injector, 0))
        await until(lambda: budget.requests() == {ACCOUNT: 1, ("delete", "secrets"): 1})
        await clean_up(running_injector, http, (CLAIM,), "budget-label")


async def test_repeated_lists_and_a_restart_write_nothing(plane: ControlPlane, http: KubernetesClient) -> None:
    names = [f"budget-again-{index}" for index in range(5)]
    async with run_injector_through_faults(plane) as (road, running_injector):
        await settled(running_injector, CLAIM)
        await create(http, *names)
        await until(is_injected(running_injector.injector, len(names)))
        budget = RequestBudget(plane)
        road.expire()
        await until(lambda: min(running_injector.cluster.listed.values()) == 2)
        await until(lambda: budget.requests()["list", "secrets"] == 1)
        assert {verb for verb, _ in budget.requests()} <= {"list"}
    budget = RequestBudget(plane)
    async with run_injector(plane) as running_injector:
        await settled(running_injector, CLAIM, count=len(names))
        assert {verb for verb, _ in budget.requests()} <= {"list"}
        await clean_up(running_injector, http, (CLAIM,), *names)
