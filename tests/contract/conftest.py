"""A real API server for the contract tests that need one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.api.v1alpha1 import HarborRegistry
from lab.controlplane import ControlPlane
from lab.lab import Lab, Part
from lab.registry_fixture import install
from tests.contract.migration import Command, accepted_registry


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        install(lab)
        yield lab.control_plane


@pytest.fixture
async def http(plane: ControlPlane) -> AsyncIterator[KubernetesClient]:
    async with KubernetesClient(from_kubeconfig(plane.kubeconfig)) as http:
        yield http


@pytest.fixture
async def target(plane: ControlPlane, http: KubernetesClient) -> AsyncIterator[HarborRegistry]:
    async with accepted_registry(plane, http) as registry:
        yield registry


@pytest.fixture
def migrate(plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(plane, capsys)
