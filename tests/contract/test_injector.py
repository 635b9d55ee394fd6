"""The whole injector on a real API server with the shipped rights: its requests, and its repairs."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from lab.controlplane import ControlPlane
from lab.operator import USER
from tests.contract.injection import create, is_injected, references, remove, running, secret, selected_injection, until
from tests.unit.injector.fixture import CLAIM, NAME

pytestmark = pytest.mark.lab


def has_written(plane: ControlPlane, mark: int) -> bool:
    return bool(plane.audit.writes_since(mark, user=USER))


async def test_lifecycle_of_a_registry(plane: ControlPlane, http: KubernetesClient) -> None:
    audit = plane.audit
    names = [f"life-{index:02}" for index in range(20)]
    async with running(plane) as injector:
        injector.declare(selected_injection())
        await until(is_injected(injector, 0))
        mark = audit.mark()
        await create(http, *names)
        await until(is_injected(injector, len(names)))
        requests = audit.since(mark, user=USER)
        assert sorted((event.verb, event.resource, event.namespace) for event in requests) == sorted(
            [("patch", kind, name) for name in names for kind in ("secrets", "serviceaccounts")]
        )
        assert await references(http, names[0]) == (NAME,)
    async with running(plane) as injector:
        mark = audit.mark()
        injector.declare(selected_injection())
        await until(is_injected(injector, len(names)))
        assert audit.writes_since(mark, user=USER) == []
        injector.declare(selected_injection("rotated"))
        await until(is_injected(injector, len(names)))
        assert len(audit.writes_since(mark, user=USER)) == len(names)
        await remove(http, names[0])
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    for name in names[1:]:
        assert await references(http, name) == ()
        assert isinstance(await secret(http, name), ApiError)
    await remove(http, *names)


async def test_changes_are_repaired_at_once(plane: ControlPlane, http: KubernetesClient) -> None:
    path = f"/api/v1/namespaces/repair/secrets/{NAME}"
    account = "/api/v1/namespaces/repair/serviceaccounts/default"
    audit = plane.audit
    async with running(plane) as injector:
        injector.declare(selected_injection())
        await create(http, "repair")
        await until(is_injected(injector, 1))
        edited = RequestBody.merge_patch({"data": {".dockerconfigjson": "e30="}})
        for method, where, body in (
            ("DELETE", path, None),
            ("PATCH", path, edited),
            ("PATCH", account, RequestBody.merge_patch({"imagePullSecrets": [{"name": "theirs"}]})),
        ):
            mark = audit.mark()
            answer = await http.request(method, where, body=body)
            assert not isinstance(answer, ApiError)
            # From the audit log, not from the injector: the repair may end before the injector reports it.
            await until(partial(has_written, plane, mark))
            await until(is_injected(injector, 1))
        assert await references(http, "repair") == ("theirs", NAME)
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    assert await references(http, "repair") == ("theirs",)
    await remove(http, "repair")


async def test_injector_survives_a_restart_of_the_api_server(plane: ControlPlane, http: KubernetesClient) -> None:
    async with running(plane) as injector:
        injector.declare(selected_injection())
        await create(http, "before")
        await until(is_injected(injector, 1))
        await asyncio.to_thread(plane.restart_apiserver)
        await create(http, "after")
        await until(is_injected(injector, 2))
        assert await references(http, "after") == (NAME,)
        injector.withdraw(CLAIM)
        await until(lambda: injector.remaining(CLAIM) == 0)
    await remove(http, "before", "after")
