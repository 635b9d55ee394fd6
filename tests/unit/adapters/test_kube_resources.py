"""When a workload is ready (during a rolling update, the ready pods are the old ones), and how a Secret is removed."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources, read_workload
from harbor_operator.ports import Unavailable

SETTLED = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}


def deployment(status: dict[str, int], replicas: int = 2) -> dict[str, object]:
    return {
        "metadata": {"name": "cr-harbor-core", "generation": 2},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 2, **status},
    }


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        (SETTLED, True),
        ({}, False),
        ({**SETTLED, "observedGeneration": 1}, False),
        ({**SETTLED, "readyReplicas": 1}, False),
        ({"replicas": 3, "updatedReplicas": 1, "readyReplicas": 2}, False),
        ({"replicas": 4, "updatedReplicas": 2, "readyReplicas": 2}, False),
        ({"replicas": 3, "updatedReplicas": 2, "readyReplicas": 3}, True),
    ],
    ids=["settled", "new", "not observed", "one late", "one of two replaced", "both replaced", "the last old one ends"],
)
def test_only_pods_of_the_newest_template_count(status: dict[str, int], ready: bool) -> None:
    assert read_workload("Deployment", deployment(status)).is_ready is ready


def test_a_workload_scaled_to_zero_is_ready() -> None:
    assert read_workload("Deployment", deployment({}, replicas=0)).is_ready


class ChangingSecret:
    """An API server with one Secret of ours, which another client changes before it is deleted."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            metadata = {"name": "x", "labels": {"owner": "us"}, "uid": "u1", "resourceVersion": "7"}
            return web.json_response({"metadata": metadata})
        self.options = await request.json()
        return web.json_response({"message": "the precondition failed"}, status=409)


async def test_a_secret_is_deleted_only_as_it_was_read() -> None:
    """The proof of ownership, the labels, belongs to the version that is deleted."""
    secret = ChangingSecret()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", secret.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with KubernetesClient(ClusterConnection(f"http://127.0.0.1:{runner.addresses[0][1]}")) as client:
        with pytest.raises(Unavailable, match="changed while it was being removed"):
            await KubernetesNamespaceResources(client).remove_secret("app", "x", {"owner": "us"})
    await runner.cleanup()
    assert secret.options["preconditions"] == {"uid": "u1", "resourceVersion": "7"}
