"""A real API server for the contract tests that need one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from harbor_operator.adapters.kube_connection import from_kubeconfig
from harbor_operator.adapters.kube_http import KubeHttp
from lab.controlplane import ControlPlane
from lab.lab import Lab, Part
from lab.stage import install


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        install(lab)
        yield lab.control_plane


@pytest.fixture
async def http(plane: ControlPlane) -> AsyncIterator[KubeHttp]:
    async with KubeHttp(from_kubeconfig(plane.kubeconfig)) as http:
        yield http
