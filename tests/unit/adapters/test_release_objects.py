"""The bounds of a comparison; what it finds is tested on a real API server: tests/contract/test_release_drift.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.release_objects import KubernetesReleaseObjects
from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import ReleaseObject
from harbor_operator.ports import Unavailable
from tests.fakes.hostile import answering, attacking
from tests.fakes.release_identity import FakeReleaseIdentity

SECRETS = {"resources": [{"kind": "Secret", "name": "secrets", "namespaced": True}]}
OBJECTS = [ReleaseObject(ListedObject("v1", "Secret", f"s{number}", "intra"), {}) for number in range(10)]


async def silence() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def test_a_silent_server_costs_one_deadline_for_all_objects() -> None:
    async with attacking(silence) as server, KubernetesClient(ClusterConnection(server.url)) as client:
        objects = KubernetesReleaseObjects(client, FakeReleaseIdentity(), deadline_seconds=0.1)
        with pytest.raises(Unavailable, match=r"within 0\.1 seconds"):
            await objects.observe("intra", "harbor-release", OBJECTS)
        with pytest.raises(Unavailable, match=r"within 0\.1 seconds"):
            await objects.apply("intra", "harbor-release", OBJECTS)


async def test_an_object_costs_two_requests() -> None:
    async with answering(200, json.dumps(SECRETS)) as server, KubernetesClient(ClusterConnection(server.url)) as client:
        objects = KubernetesReleaseObjects(client, FakeReleaseIdentity())
        await objects.observe("intra", "harbor-release", OBJECTS)
        assert len(server.requests) == 1 + 2 * len(OBJECTS)
        assert sum(b"dryRun=All" in request for request in server.requests) == len(OBJECTS)


async def test_a_kind_that_the_server_does_not_have_is_not_compared() -> None:
    monitor = ReleaseObject(ListedObject("monitoring.coreos.com/v1", "ServiceMonitor", "cr", "intra"), {})
    async with answering(404, "{}") as server, KubernetesClient(ClusterConnection(server.url)) as client:
        objects = KubernetesReleaseObjects(client, FakeReleaseIdentity())
        (observed,) = await objects.observe("intra", "harbor-release", [monitor])
    assert "does not have the kind ServiceMonitor" in observed.error
