"""The whole injector on a real API server, under the shipped rights: what it costs, and that it heals."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from lab.controlplane import ControlPlane
from lab.operator import USER
from tests.contract.injection import is_spread, make, references, remove, running, secret, the_wish, until
from tests.unit.injector.fixture import CLAIM, NAME

pytestmark = pytest.mark.lab


def has_written(plane: ControlPlane, mark: int) -> bool:
    return bool(plane.audit.writes_since(mark, user=USER))


async def test_life_of_a_registry(plane: ControlPlane, http: KubernetesClient) -> None:
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
        assert isinstance(await secret(http, name), ApiError)
    await remove(http, *names)


async def test_damage_is_repaired_at_once(plane: ControlPlane, http: KubernetesClient) -> None:
    path = f"/api/v1/namespaces/repair/secrets/{NAME}"
    account = "/api/v1/namespaces/repair/serviceaccounts/default"
    audit = plane.audit
    async with running(plane) as injector:
        injector.declare(the_wish())
        await make(http, "repair")
        await until(is_spread(injector, 1))
        spoilt = RequestBody.merge_patch({"data": {".dockerconfigjson": "e30="}})
        for method, where, body in (
            ("DELETE", path, None),
            ("PATCH", path, spoilt),
            ("PATCH", account, RequestBody.merge_patch({"imagePullSecrets": [{"name": "theirs"}]})),
        ):
            mark = audit.mark()
            answer = await http.request(method, where, body=body)
            assert not isinstance(answer, ApiError)
            # The audit log is asked, not the injector: the repair is over before anybody could see it under way.
            await until(partial(has_written, plane, mark))
            await until(is_spread(injector, 1))
        assert await references(http, "repair") == ("theirs", NAME)
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    assert await references(http, "repair") == ("theirs",)
    await remove(http, "repair")


async def test_api_server_may_go_away_and_come_back(plane: ControlPlane, http: KubernetesClient) -> None:
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
