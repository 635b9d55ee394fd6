"""`spec.storage.driver` with Azure: a real registry on Azurite, proved by the operator as after a release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

import pytest
from pydantic import ValidationError

from harbor_operator.api.storage_driver import StorageDriver
from harbor_operator.checks.catalogue.search import problems, recognize
from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason
from lab.azurite import Azurite, new_key
from lab.certs import Authority
from lab.forward_proxy import ForwardProxy
from lab.gotools import program
from lab.process import LabError, Processes
from tests.contract.driver_fixture import DriverFixture
from tests.fakes.release import NAMESPACE, registry
from tests.fakes.storage_driver import Driver
from tests.unit.steps.storage_fixture import StorageFixture

pytestmark = pytest.mark.lab
KEY = "AZURE_STORAGE_ACCESS_KEY"


class Azure(NamedTuple):
    """A store, and a Harbor whose registry can reach it."""

    store: Azurite
    fixture: DriverFixture

    @property
    def credential(self) -> dict[str, str]:
        return {KEY: self.store.key}

    def driver(self, **changes: str) -> Driver:
        place = {"accountname": self.store.account, "container": f"c-{uuid4().hex[:12]}", "realm": self.store.realm}
        return {"name": "azure", "parameters": {**place, **changes}, "secretRef": {"name": "store"}}


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    directory = tmp_path_factory.mktemp("azure")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes, authority = Processes(directory / "log"), Authority.create(directory / "ca")
    try:
        store = Azurite.start(directory / "azurite", processes, authority)
        program("registry")
        proxy = ForwardProxy(directory / "proxy", processes, {store.host: "127.0.0.1"})
        yield Azure(store, DriverFixture.start(directory, processes, authority, proxy.url))
    except LabError as error:
        pytest.skip(f"Azurite or a registry with its driver cannot run here: {error}")
    finally:
        processes.stop_all()


async def test_the_proof_passes_and_an_image_comes_and_goes(azure: Azure) -> None:
    driver = azure.driver()
    azure.fixture.serve(driver, azure.credential)
    assert await azure.fixture.prove(driver, azure.credential) is None
    stored = f"/{driver['parameters']['container']}//docker/registry/v2/blobs/sha256/"
    assert f"PUT {stored}" in azure.store.log.read_text()
    assert f"DELETE {stored}" not in azure.store.log.read_text()
    azure.fixture.exchange("azure")
    assert f"DELETE {stored}" in azure.store.log.read_text()


async def test_another_key_of_the_account_fails_the_proof_until_the_secret_has_it(azure: Azure) -> None:
    driver, before = azure.driver(), azure.credential
    azure.fixture.serve(driver, before)
    azure.store.use_key(new_key())
    failure = await azure.fixture.prove(driver, before)
    assert failure is not None
    assert failure.reason is Reason.STORAGE_PROOF_FAILED
    assert "the registry could not store a layer with driver 'azure' (HTTP 500" in failure.message
    assert "Secret 'store'" in failure.message
    assert before[KEY] not in failure.message
    assert "DriverLoginRejected" in azure.fixture.known_problems()
    assert "Secret of `spec.storage.driver.secretRef`" in problems()["DriverLoginRejected"].remedy

    azure.fixture.serve(driver, azure.credential)
    assert await azure.fixture.prove(driver, azure.credential) is None


async def test_a_container_that_was_deleted_fails_the_proof(azure: Azure) -> None:
    """The driver creates its container when it starts, so a missing one is found only later."""
    driver = azure.driver()
    azure.fixture.serve(driver, azure.credential)
    azure.store.lose_containers()
    failure = await azure.fixture.prove(driver, azure.credential)
    assert failure is not None
    assert failure.reason is Reason.STORAGE_PROOF_FAILED
    assert "DriverContainerMissing" in azure.fixture.known_problems()
    assert "before the registry starts again" in problems()["DriverContainerMissing"].remedy


def test_a_registry_with_a_wrong_key_does_not_start(azure: Azure) -> None:
    with pytest.raises(LabError) as stopped:
        azure.fixture.serve(azure.driver(), {KEY: new_key()})
    assert "DriverLoginRejected" in {found for line in str(stopped.value).splitlines() for found in recognize(line)}


@pytest.mark.parametrize("changed", [{"accountname": "Images"}, {"container": "Images"}], ids=lambda each: str(*each))
def test_a_name_that_stops_the_registry_never_reaches_it(azure: Azure, changed: dict[str, str]) -> None:
    driver = azure.driver()
    program = azure.fixture.configured(driver, azure.credential)
    program.driver["azure"].update(changed)
    with pytest.raises(LabError) as stopped:
        azure.fixture.harbor.start_registry(program=program)
    assert "DriverParameterInvalid" in {found for line in str(stopped.value).splitlines() for found in recognize(line)}
    with pytest.raises(ValidationError, match="Azure accepts 3 to 24 lower-case letters and digits"):
        StorageDriver.model_validate(azure.driver(**changed))


async def test_a_key_that_stops_the_registry_never_reaches_it(azure: Azure) -> None:
    driver, cut = azure.driver(), {KEY: azure.store.key[:-1]}
    with pytest.raises(LabError) as stopped:
        azure.fixture.serve(driver, cut)
    assert "DriverParameterInvalid" in {found for line in str(stopped.value).splitlines() for found in recognize(line)}
    storage = StorageFixture()
    storage.kube.put(NAMESPACE, "store", cut)
    refused = await storage.step.reconcile(registry(storage={"driver": driver}))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.SECRET_INVALID
