"""A real API server for the contract tests that need one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from lab.controlplane import ControlPlane
from lab.lab import Lab, Part
from lab.registry_fixture import install


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        install(lab)
        yield lab.control_plane


@pytest.fixture
async def http(plane: ControlPlane) -> AsyncIterator[KubernetesClient]:
    async with KubernetesClient(from_kubeconfig(plane.kubeconfig)) as http:
        yield http
