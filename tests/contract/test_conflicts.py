"""Another client keeps reverting the writes of the injector on a real API server: few repairs, a report, an end."""

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
    RunningInjector,
    create,
    is_injected,
    references,
    remove,
    run_injector,
    secret,
    selected_injection,
    until,
    until_server_answers,
)
from tests.unit.injector.fixture import CLAIM, NAME

pytestmark = pytest.mark.lab
EDITED = encode("{}")
MIN_DELAYS_SECONDS = (0.0, 1.0, 2.0)
"""Minimum delay before the third repair and each later one; the first two happen at once."""


@asynccontextmanager
async def reverting(revert: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Another client that reverts our writes until the block ends."""

    async def keep_reverting() -> None:
        while True:
            await revert()
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as group:
        other = group.create_task(keep_reverting())
        yield
        other.cancel()


def repairs(plane: ControlPlane, mark: int, resource: str) -> list[AuditEvent]:
    """The successful repairs; one that met a concurrent write is repeated at once."""
    written = plane.audit.writes_since(mark, USER)
    return [event for event in written if event.resource == resource and event.code < 400]


async def await_conflict(plane: ControlPlane, running_injector: RunningInjector, mark: int, resource: str) -> None:
    """Waits until the conflict is reported, and checks the delay before each repair."""
    await until(lambda: len(repairs(plane, mark, resource)) > len(MIN_DELAYS_SECONDS))
    received = [event.received for event in repairs(plane, mark, resource)]
    waited = [(later - earlier).total_seconds() for earlier, later in pairwise(received)]
    assert all(seconds >= pause for seconds, pause in zip(waited, MIN_DELAYS_SECONDS, strict=False))
    await until(lambda: len(running_injector.injector.conflicts()) == 1)
    assert running_injector.metrics.conflicts == 1


async def end(running_injector: RunningInjector, http: KubernetesClient, namespace: str) -> None:
    """Checks that the namespace stays ready and that the conflict is resolved, and cleans up."""
    await until(is_injected(running_injector.injector, 1))
    running_injector.clock.offset += STABLE_GAP_FACTOR * MIN_STABLE_SECONDS
    assert running_injector.injector.conflicts() == ()
    running_injector.injector.withdraw(CLAIM)
    await until(lambda: running_injector.injector.remaining(CLAIM) == 0)
    await remove(http, namespace)


async def test_client_that_keeps_removing_our_entry(plane: ControlPlane, http: KubernetesClient) -> None:
    path = "/api/v1/namespaces/conflict-entry/serviceaccounts/default"

    async def strip() -> None:
        if NAME in await references(http, "conflict-entry"):
            await http.request("PATCH", path, body=RequestBody.merge_patch({"imagePullSecrets": [{"name": "theirs"}]}))

    async with run_injector(plane) as running_injector:
        running_injector.injector.declare(selected_injection())
        await create(http, "conflict-entry")
        await until(is_injected(running_injector.injector, 1))
        mark = plane.audit.mark()
        async with reverting(strip):
            await await_conflict(plane, running_injector, mark, "serviceaccounts")
            (conflict,) = running_injector.injector.conflicts()
            assert (conflict.namespace, conflict.subject) == ("conflict-entry", "ServiceAccount 'default'")
            assert repairs(plane, mark, "secrets") == []
        await until_server_answers(lambda: references(http, "conflict-entry"), ("theirs", NAME))
        await end(running_injector, http, "conflict-entry")


@pytest.mark.parametrize("how", ["deletes", "edits"])
async def test_client_that_keeps_changing_our_secret(plane: ControlPlane, http: KubernetesClient, how: str) -> None:
    namespace = f"conflict-{how}"
    path = f"/api/v1/namespaces/{namespace}/secrets/{NAME}"

    async def change() -> None:
        if await content(http, namespace) in {"", EDITED}:
            return
        if how == "deletes":
            await http.request("DELETE", path)
        else:
            await http.request("PATCH", path, body=RequestBody.merge_patch({"data": {".dockerconfigjson": EDITED}}))

    async with run_injector(plane) as running_injector:
        running_injector.injector.declare(selected_injection())
        await create(http, namespace)
        await until(is_injected(running_injector.injector, 1))
        mark = plane.audit.mark()
        async with reverting(change):
            await await_conflict(plane, running_injector, mark, "secrets")
            assert running_injector.injector.conflicts()[0].subject == f"Secret '{NAME}'"
            mark = plane.audit.mark()
            rotated = selected_injection("rotated")
            running_injector.injector.declare(rotated)
            # At once, and not after the four seconds that the next repair must wait.
            (written, *_) = await next_writes(plane, mark)
            assert written.resource == "secrets"
        assert rotated.docker_config is not None
        expected = encode(rotated.docker_config.get_secret_value())
        await until_server_answers(lambda: content(http, namespace), expected)
        await end(running_injector, http, namespace)


async def content(http: KubernetesClient, namespace: str) -> str:
    found = await secret(http, namespace)
    return "" if isinstance(found, ApiError) else str(found["data"][".dockerconfigjson"])


async def next_writes(plane: ControlPlane, mark: int) -> list[AuditEvent]:
    await until(lambda: bool(plane.audit.writes_since(mark, USER)))
    return plane.audit.writes_since(mark, USER)
