"""`spec.storage.s3.ambientIdentity`: a real registry on Ceph RGW that finds its keys itself, proved after a release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.reasons import Reason
from lab.gotools import program
from lab.process import LabError, Processes
from tests.contract.driver_fixture import DriverFixture
from tests.contract.gateway import Gateway
from tests.contract.s3_servers import rgw_account, rgw_server

pytestmark = pytest.mark.lab

NO_IDENTITY = {
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"), ""),
    "AWS_CA_BUNDLE": "",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}
"""An environment in which the AWS client finds nothing, also on the computer of a developer."""


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory, gateway: Gateway) -> Iterator[DriverFixture]:
    directory = tmp_path_factory.mktemp("identity")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes = Processes(directory / "log")
    try:
        program("registry")
        yield DriverFixture.start(directory, processes, gateway.authority)
    except LabError as error:
        pytest.skip(f"Harbor or its registry cannot run here: {error}")
    finally:
        processes.stop_all()


def section(bucket: Bucket, **more: Any) -> dict[str, Any]:
    """The bucket as a spec names it."""
    return {
        "endpoint": bucket.account.endpoint,
        "bucket": bucket.name,
        "rootDirectory": "images",
        "chunkSizeMiB": 5,
        "ambientIdentity": {},
        **more,
    }


def credentials_file(directory: Path, account: S3Account) -> dict[str, str]:
    """Writes the file in which AWS's own tools keep keys, and returns the variables of a registry that reads it."""
    path = directory / "credentials"
    secret = account.secret_key.get_secret_value()
    path.write_text(f"[default]\naws_access_key_id = {account.access_key}\naws_secret_access_key = {secret}\n")
    return {**NO_IDENTITY, "AWS_SHARED_CREDENTIALS_FILE": str(path)}


@pytest.mark.parametrize("redirect", [False, True])
async def test_a_registry_that_finds_its_keys_passes_the_proof(
    fixture: DriverFixture, gateway: Gateway, tmp_path: Path, *, redirect: bool
) -> None:
    server = rgw_server(gateway)
    bucket = await server.bucket()
    s3 = section(bucket, redirect=redirect)
    fixture.serve_bucket(s3, credentials_file(tmp_path, bucket.account))
    assert bucket.account.access_key not in fixture.harbor.registry_config.read_text()

    assert await fixture.prove_bucket(s3) is None

    stored = await server.store.list_objects(bucket, "", 1000)
    assert stored
    assert all(key.startswith("images/docker/registry/v2/") for key in stored)


async def test_images_of_several_chunks_come_and_go(fixture: DriverFixture, gateway: Gateway, tmp_path: Path) -> None:
    """Garbage collection uses the same identity."""
    bucket = await rgw_server(gateway).bucket()
    fixture.serve_bucket(section(bucket), credentials_file(tmp_path, bucket.account))
    fixture.exchange("identity")


async def test_a_registry_without_an_identity_fails_the_proof(fixture: DriverFixture, gateway: Gateway) -> None:
    s3 = section(await rgw_server(gateway).bucket())
    fixture.serve_bucket(s3, NO_IDENTITY)

    failure = await fixture.prove_bucket(s3)

    assert failure is not None
    assert failure.reason is Reason.STORAGE_PROOF_FAILED
    assert "the registry could not store a layer with driver 's3' (HTTP 500" in failure.message
    assert "then correct `spec.storage.s3`, or the rights of the identity of the registry's pod" in failure.message
    assert "RegistryIdentityMissing" in fixture.known_problems()


async def test_an_identity_without_rights_in_the_bucket_fails_the_proof(
    fixture: DriverFixture, gateway: Gateway, tmp_path: Path
) -> None:
    bucket = await rgw_server(gateway).bucket()
    other = rgw_account(gateway)
    fixture.serve_bucket(section(bucket), credentials_file(tmp_path, other))

    failure = await fixture.prove_bucket(section(bucket))

    assert failure is not None
    assert failure.reason is Reason.STORAGE_PROOF_FAILED
    assert "the rights of the identity of the registry's pod" in failure.message
    assert other.secret_key.get_secret_value() not in failure.message
