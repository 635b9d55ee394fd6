"""Another writer keeps undoing what the injector writes to a real API server: few writes, a name for it, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.injector.conflicts import MIN_STABLE_SECONDS, STABLE_GAP_FACTOR
from harbor_operator.plan.docker_config import encode
from lab.audit import AuditEvent
from lab.controlplane import ControlPlane
from lab.operator import USER
from tests.contract.injection import (
    Duty,
    is_spread,
    make,
    on_duty,
    references,
    remove,
    secret,
    the_wish,
    until,
    until_server_says,
)
from tests.unit.injector.fixture import CLAIM, NAME

pytestmark = pytest.mark.lab
SPOILT = encode("{}")
PAUSES = (0.0, 1.0, 2.0)
"""What must lie between the second repair and the third, and so on: the first two are made at once."""


@asynccontextmanager
async def undoing(undo: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Somebody who undoes our work all the time, until the block ends."""

    async def go_on() -> None:
        while True:
            await undo()
            await asyncio.sleep(0.005)

    other = asyncio.create_task(go_on())
    try:
        yield
    finally:
        other.cancel()
        await asyncio.wait([other])


def repairs(plane: ControlPlane, mark: int, resource: str) -> list[AuditEvent]:
    """Those that were carried out: one that met another writer's and was refused is tried again at once."""
    written = plane.audit.writes_since(mark, USER)
    return [event for event in written if event.resource == resource and event.code < 400]


async def await_contest(plane: ControlPlane, duty: Duty, mark: int, resource: str) -> None:
    """Waits until so many repairs were needed that it has a name, and checks that each waited longer than the last."""
    await until(lambda: len(repairs(plane, mark, resource)) > len(PAUSES))
    moments = [event.received for event in repairs(plane, mark, resource)]
    waited = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    assert all(seconds >= pause for seconds, pause in zip(waited, PAUSES, strict=False))
    await until(lambda: len(duty.injector.conflicts()) == 1)
    assert duty.metrics.conflicts == 1


async def end(duty: Duty, http: KubernetesClient, namespace: str) -> None:
    """What is right stays right, and after a while nobody speaks of a contest any more."""
    await until(is_spread(duty.injector, 1))
    duty.clock.ahead += STABLE_GAP_FACTOR * MIN_STABLE_SECONDS
    assert duty.injector.conflicts() == ()
    duty.injector.withdraw(CLAIM)
    await until(lambda: duty.injector.remaining(CLAIM) == 0)
    await remove(http, namespace)


async def test_somebody_keeps_removing_our_entry(plane: ControlPlane, http: KubernetesClient) -> None:
    path = "/api/v1/namespaces/contest-entry/serviceaccounts/default"

    async def strip() -> None:
        if NAME in await references(http, "contest-entry"):
            await http.request("PATCH", path, body=RequestBody.merge_patch({"imagePullSecrets": [{"name": "theirs"}]}))

    async with on_duty(plane) as duty:
        duty.injector.declare(the_wish())
        await make(http, "contest-entry")
        await until(is_spread(duty.injector, 1))
        mark = plane.audit.mark()
        async with undoing(strip):
            await await_contest(plane, duty, mark, "serviceaccounts")
            (contest,) = duty.injector.conflicts()
            assert (contest.namespace, contest.subject) == ("contest-entry", "ServiceAccount 'default'")
            assert repairs(plane, mark, "secrets") == []
        await until_server_says(lambda: references(http, "contest-entry"), ("theirs", NAME))
        await end(duty, http, "contest-entry")


@pytest.mark.parametrize("how", ["deletes", "edits"])
async def test_somebody_keeps_spoiling_our_secret(plane: ControlPlane, http: KubernetesClient, how: str) -> None:
    namespace = f"contest-{how}"
    path = f"/api/v1/namespaces/{namespace}/secrets/{NAME}"

    async def spoil() -> None:
        if await content(http, namespace) in {"", SPOILT}:
            return
        if how == "deletes":
            await http.request("DELETE", path)
        else:
            await http.request("PATCH", path, body=RequestBody.merge_patch({"data": {".dockerconfigjson": SPOILT}}))

    async with on_duty(plane) as duty:
        duty.injector.declare(the_wish())
        await make(http, namespace)
        await until(is_spread(duty.injector, 1))
        mark = plane.audit.mark()
        async with undoing(spoil):
            await await_contest(plane, duty, mark, "secrets")
            assert duty.injector.conflicts()[0].subject == f"Secret '{NAME}'"
            mark = plane.audit.mark()
            rotated = the_wish("rotated")
            duty.injector.declare(rotated)
            # Not after the four seconds that a repair would have to wait by now.
            (written, *_) = await anything(plane, mark)
            assert written.resource == "secrets"
        await until_server_says(lambda: content(http, namespace), encode(rotated.docker_config.get_secret_value()))
        await end(duty, http, namespace)


async def content(http: KubernetesClient, namespace: str) -> str:
    found = await secret(http, namespace)
    return "" if isinstance(found, ApiError) else str(found["data"][".dockerconfigjson"])


async def anything(plane: ControlPlane, mark: int) -> list[AuditEvent]:
    await until(lambda: bool(plane.audit.writes_since(mark, USER)))
    return plane.audit.writes_since(mark, USER)
