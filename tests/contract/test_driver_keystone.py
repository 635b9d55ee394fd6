"""`spec.storage.driver` with Swift and Keystone version 3: real registry, Keystone and RADOS gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import uuid4

import pytest

from harbor_operator.checks.catalogue.search import problems, recognize
from lab.ceph import Ceph
from lab.certs import Authority
from lab.gotools import program
from lab.keystone import DOMAIN, REGION, Keystone
from lab.nginx import Front, Site
from lab.process import LabError, Processes
from tests.contract.driver_fixture import DriverFixture
from tests.fakes.storage_driver import Driver

pytestmark = pytest.mark.lab
PASSWORD = "Swift-password-1"


class Account(NamedTuple):
    """A user with a role in a project of its own."""

    user: str
    project: str
    project_id: str


class Cloud(NamedTuple):
    """Keystone behind a front, the gateway in its catalog, and a Harbor."""

    keystone: Keystone
    ceph: Ceph
    front: Front
    fixture: DriverFixture

    def account(self, name: str = "", *, role: str = "member", password: str = PASSWORD) -> Account:
        name = name or f"u{uuid4().hex[:8]}"
        account = Account(name, f"p-{name}", self.keystone.create_project(f"p-{name}"))
        user = self.keystone.create_user(name, password)
        if role:
            self.keystone.give_role(user, account.project_id, role)
        return account

    def driver(self, account: Account, **changes: str) -> Driver:
        place = {"authurl": f"{self.front.url}/v3", "authversion": "3", "container": f"c-{account.user}"}
        scope = {"username": account.user, "tenant": account.project, "domain": "Default", "region": REGION}
        parameters = {**place, **scope, "chunksize": "5242880", **changes}
        return {"name": "swift", "parameters": parameters, "secretRef": {"name": "store"}}


def credential(password: str = PASSWORD) -> Mapping[str, str]:
    return {"REGISTRY_STORAGE_SWIFT_PASSWORD": password}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    directory = tmp_path_factory.mktemp("keystone")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes, authority = Processes(directory / "log"), Authority.create(directory / "ca")
    try:
        program("registry")
        keystone = Keystone.start(directory / "keystone", processes)
        ceph = Ceph.start(directory / "ceph", processes, gateway_lines=keystone.gateway_lines)
        store = Front.start(directory / "store", processes, authority, Site(ceph.rgw_url))
        front = Front.start(directory / "identity", processes, authority, Site(keystone.url))
        keystone.add_object_store(f"{store.url}/swift/v1")
        yield Cloud(keystone, ceph, front, DriverFixture.start(directory, processes, authority))
    except LabError as error:
        pytest.skip(f"Keystone or a registry with its driver cannot run here: {error}")
    finally:
        processes.stop_all()


@pytest.mark.parametrize("scope", ["names", "ids"])
async def test_the_proof_passes_and_an_image_comes_and_goes(cloud: Cloud, scope: str) -> None:
    account = cloud.account()
    driver = cloud.driver(account)
    if scope == "ids":
        parameters = {key: value for key, value in driver["parameters"].items() if key not in {"tenant", "domain"}}
        driver["parameters"] = {**parameters, "tenantid": account.project_id, "domainid": DOMAIN}
    cloud.fixture.serve(driver, credential())
    assert await cloud.fixture.prove(driver, credential()) is None
    assert layers(cloud, driver)
    cloud.fixture.exchange(f"keystone-{scope}")
    assert layers(cloud, driver) == []


@pytest.mark.parametrize(
    ("name", "password"), [("20261128", "1234567890"), ("1e5", "#no: comment"), ("true", "!tag *x"), ("0x1f", "yes")]
)
async def test_a_login_that_yaml_reads_as_another_value_is_accepted(cloud: Cloud, name: str, password: str) -> None:
    driver = cloud.driver(cloud.account(name, password=password), container=f"{uuid4().int % 10**9:09}")
    cloud.fixture.serve(driver, credential(password))
    assert await cloud.fixture.prove(driver, credential(password)) is None


def layers(cloud: Cloud, driver: Driver) -> list[str]:
    """Returns the blobs of the registry in its container."""
    stored = [found.name for found in cloud.ceph.objects(driver["parameters"]["container"])]
    return [name for name in stored if "/docker/registry/v2/blobs/" in name]


@pytest.mark.parametrize(("role", "password"), [("member", "wrong"), ("", PASSWORD)], ids=["password", "role"])
def test_a_registry_whose_login_is_rejected_does_not_start(cloud: Cloud, role: str, password: str) -> None:
    driver = cloud.driver(cloud.account(role=role))
    with pytest.raises(LabError) as stopped:
        cloud.fixture.serve(driver, credential(password))
    assert "StorageCredentialsRejected" in found_in(stopped)
    assert "give the user a role in the project `tenant`" in problems()["StorageCredentialsRejected"].remedy


def test_a_registry_with_a_wrong_region_does_not_start(cloud: Cloud) -> None:
    with pytest.raises(LabError) as stopped:
        cloud.fixture.serve(cloud.driver(cloud.account(), region="other"), credential())
    assert "SwiftEndpointMissing" in found_in(stopped)
    assert "Compare `region`" in problems()["SwiftEndpointMissing"].remedy


def found_in(stopped: pytest.ExceptionInfo[LabError]) -> set[str]:
    """Returns the problems that the end of the log of the registry shows."""
    return {problem for line in str(stopped.value).splitlines() for problem in recognize(line)}
