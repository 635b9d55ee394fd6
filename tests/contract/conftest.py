"""A real API server, and a Harbor that answers over HTTP, for the contract tests that need one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from lab.certs import Authority
from lab.controlplane import ControlPlane
from lab.harbor.standalone import Standalone
from lab.lab import Lab, Part
from lab.process import LabError, Processes
from lab.registry_fixture import install
from tests.contract.gateway import Gateway, running
from tests.contract.migration import Command, accepted_registry
from tests.contract.real_harbor import real_harbor
from tests.contract.s3_servers import Versity, versity_running

FIRST_MINOR_WITH_ADMISSION_POLICIES = 36


def has_admission_policies(plane: ControlPlane) -> bool:
    """Whether the API server has MutatingAdmissionPolicy in its version 1."""
    return plane.minor >= FIRST_MINOR_WITH_ADMISSION_POLICIES


def skip_without_admission_policies(plane: ControlPlane) -> None:
    """Skips the test on an API server that is too old for it."""
    if not has_admission_policies(plane):
        pytest.skip(f"Kubernetes 1.{plane.minor} has no MutatingAdmissionPolicy v1")


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


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """The programs that one test starts; they end with it."""
    started = Processes(tmp_path / "log")
    yield started
    started.stop_all()


@pytest.fixture(scope="session")
def harbor_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarborEndpoint]:
    """The administrator's endpoint of the stand-in, or of the real Harbor that the environment names."""
    if real := real_harbor():
        yield real
        return
    directory = tmp_path_factory.mktemp("harbor-port")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes = Processes(directory / "logs")
    try:
        standalone = Standalone.start(directory, processes, Authority.create(directory / "ca"))
        yield HarborEndpoint(standalone.url, login=Login("admin", SecretStr(standalone.admin_password)))
    except LabError as error:
        pytest.skip(f"the Harbor stand-in cannot run here: {error}")
    finally:
        processes.stop_all()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Ceph with its gateway."""
    with running(tmp_path_factory.mktemp("ceph")) as started:
        yield started


@pytest.fixture(scope="module")
def key_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Ceph with a gateway that has the encryption key `KMS_KEY`."""
    with running(tmp_path_factory.mktemp("key-ceph"), with_keys=True) as started:
        yield started


@pytest.fixture(scope="module")
def versity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versity]:
    """The Versity S3 gateway."""
    with versity_running(tmp_path_factory.mktemp("versity")) as started:
        yield started
