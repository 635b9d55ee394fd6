"""The whole injector on a real API server, under the shipped rights: what it costs, and that it heals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest

from harbor_operator.adapters.cluster import KubeCluster, read_account
from harbor_operator.adapters.kube_calls import Body, Denial
from harbor_operator.adapters.kube_connection import from_kubeconfig
from harbor_operator.adapters.kube_http import KubeHttp
from harbor_operator.adapters.kube_objects import Thing
from harbor_operator.adapters.kube_watch import Patience
from harbor_operator.api.v1alpha1 import LabelSelector, NamespaceSelection
from harbor_operator.injector.injector import Injector
from harbor_operator.injector.runner import Runner
from harbor_operator.injector.surroundings import Surroundings
from harbor_operator.ports.distribution import DistributionWish
from tests.lab.controlplane import ControlPlane
from tests.unit.injector.world import CLAIM, NAME, Metrics, wish

pytestmark = pytest.mark.lab
USER = "system:serviceaccount:harbor-operator:harbor-operator"
CHOSEN = {"example.com/injected": "yes"}
SELECTION = NamespaceSelection(selector=LabelSelector(match_labels=CHOSEN))


def the_wish(config: str = "{}") -> DistributionWish:
    return wish(config=json.dumps({"auths": {config: {}}}), namespaces=SELECTION)


@asynccontextmanager
async def running(plane: ControlPlane) -> AsyncIterator[Injector]:
    info = from_kubeconfig(plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
    clock = asyncio.get_running_loop().time
    async with KubeHttp(info) as ours:
        cluster = KubeCluster(ours, Patience(lambda: 0.5))
        runner = Runner(cluster, Surroundings(clock, lambda: 0.5, asyncio.sleep, Metrics()))
        task = asyncio.create_task(runner.run())
        yield runner.injector
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - asked of the operator as a step asks it, from time to time
            await asyncio.sleep(0.01)


def is_spread(injector: Injector, count: int) -> Callable[[], bool]:
    def spread() -> bool:
        facts = injector.read(CLAIM)
        return facts is not None and facts.namespaces == facts.ready == count

    return spread


def has_written(plane: ControlPlane, mark: int) -> bool:
    return bool(plane.audit.writes_since(mark, user=USER))


async def make(http: KubeHttp, *names: str) -> None:
    for name in names:
        answer = await http.request(
            "POST", "/api/v1/namespaces", body=Body.plain({"metadata": {"name": name, "labels": CHOSEN}})
        )
        assert not isinstance(answer, Denial), answer


async def remove(http: KubeHttp, *names: str) -> None:
    for name in names:
        await http.request("DELETE", f"/api/v1/namespaces/{name}")


async def references(http: KubeHttp, namespace: str) -> tuple[str, ...]:
    answer = await http.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
    assert isinstance(answer, dict)
    return read_account(msgspec.convert(answer, Thing)).references


async def secret(http: KubeHttp, namespace: str) -> dict[str, Any] | Denial:
    return await http.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{NAME}")


async def test_life_of_a_registry(plane: ControlPlane, http: KubeHttp) -> None:
    audit = plane.audit
    names = [f"life-{index:02}" for index in range(20)]
    async with running(plane) as injector:
        injector.declare(the_wish())
        await until(is_spread(injector, 0))
        mark = audit.mark()
        await make(http, *names)
        await until(is_spread(injector, len(names)))
        requests = audit.since(mark, user=USER)
        assert sorted((event.verb, event.resource, event.namespace) for event in requests) == sorted(
            [("patch", kind, name) for name in names for kind in ("secrets", "serviceaccounts")]
        )
        assert await references(http, names[0]) == (NAME,)
    async with running(plane) as injector:
        mark = audit.mark()
        injector.declare(the_wish())
        await until(is_spread(injector, len(names)))
        assert audit.writes_since(mark, user=USER) == []
        injector.declare(the_wish("rotated"))
        await until(is_spread(injector, len(names)))
        assert len(audit.writes_since(mark, user=USER)) == len(names)
        await remove(http, names[0])
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    for name in names[1:]:
        assert await references(http, name) == ()
        assert isinstance(await secret(http, name), Denial)
    await remove(http, *names)


async def test_damage_is_repaired_at_once(plane: ControlPlane, http: KubeHttp) -> None:
    path = f"/api/v1/namespaces/repair/secrets/{NAME}"
    account = "/api/v1/namespaces/repair/serviceaccounts/default"
    audit = plane.audit
    async with running(plane) as injector:
        injector.declare(the_wish())
        await make(http, "repair")
        await until(is_spread(injector, 1))
        spoilt = Body.merge_patch({"data": {".dockerconfigjson": "e30="}})
        for method, where, body in (
            ("DELETE", path, None),
            ("PATCH", path, spoilt),
            ("PATCH", account, Body.merge_patch({"imagePullSecrets": [{"name": "theirs"}]})),
        ):
            mark = audit.mark()
            answer = await http.request(method, where, body=body)
            assert not isinstance(answer, Denial)
            # The audit log is asked, not the injector: the repair is over before anybody could see it under way.
            await until(partial(has_written, plane, mark))
            await until(is_spread(injector, 1))
        assert await references(http, "repair") == ("theirs", NAME)
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    assert await references(http, "repair") == ("theirs",)
    await remove(http, "repair")


async def test_api_server_may_go_away_and_come_back(plane: ControlPlane, http: KubeHttp) -> None:
    async with running(plane) as injector:
        injector.declare(the_wish())
        await make(http, "before")
        await until(is_spread(injector, 1))
        await asyncio.to_thread(plane.restart_apiserver)
        await make(http, "after")
        await until(is_spread(injector, 2))
        assert await references(http, "after") == (NAME,)
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    await remove(http, "before", "after")
