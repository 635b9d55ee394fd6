"""The steps run with ports that leave nothing behind."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import SecretStr

from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.dry_run import (
    DryRunPostgres,
    ProbedS3,
    ProbedSwift,
    WouldChange,
    dry_run_images,
    dry_run_resources,
    dry_run_rgw,
)
from harbor_operator.kubectl.errors import RequestError
from harbor_operator.model.kubernetes import TLS
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.reachability import ReachabilityStep
from harbor_operator.steps.storage import StorageStep, Stores
from tests.fakes.database_fixture import DatabaseFixture
from tests.fakes.database_fixture import registry as database_registry
from tests.fakes.object_store import Stored
from tests.fakes.postgres import FakePostgres
from tests.unit.steps.s3_fixture import S3Fixture
from tests.unit.steps.s3_fixture import registry as s3_registry
from tests.unit.steps.storage_fixture import PROVISION, StorageFixture, registry, swift
from tests.unit.steps.test_reachability import ReachabilityFixture
from tests.unit.steps.test_reachability_driver import deployed, with_driver


class ClusterWith:
    """Objects by path; an error is raised."""

    def __init__(self, objects: dict[str, Any]) -> None:
        self._objects = objects

    def find(self, path: str, **query: str) -> Any:
        found = self._objects.get(path)
        if isinstance(found, Exception):
            raise found
        return found


SECRET = {"metadata": {"name": "a", "resourceVersion": "1"}, "data": {"password": "c2VjcmV0"}}


def resources(**objects: Any) -> Any:
    paths = {f"/api/v1/namespaces/intra/secrets/{name}": found for name, found in objects.items()}
    return dry_run_resources(cast("Cluster", ClusterWith(paths)))


async def test_a_secret_is_read_and_decoded() -> None:
    found = await resources(a=SECRET).read_secret("intra", "a")
    assert found.values["password"].get_secret_value() == "secret"
    assert await resources().read_secret("intra", "a") is None


async def test_a_written_secret_exists_in_memory_and_keeps_its_values() -> None:
    kube = resources(a=SECRET)
    made = {"password": SecretStr("another"), "username": SecretStr("u")}
    found = await kube.ensure_secret("intra", "a", lambda: made, {})
    assert {key: value.get_secret_value() for key, value in found.values.items()} == {
        "password": "secret",
        "username": "u",
    }
    assert await kube.read_secret("intra", "a") is found


async def test_a_written_secret_has_its_type() -> None:
    """The type is that of a certificate of internal TLS."""
    found = await resources().apply_secret("intra", "a", {}, {}, TLS)
    assert found.type == TLS


@pytest.mark.parametrize(("status", "error"), [(403, Refused), (500, Unavailable)])
async def test_an_error_of_the_api_server_is_one_of_the_port(status: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="no"):
        await resources(a=RequestError(status, "no")).read_secret("intra", "a")


async def test_a_database_that_must_be_created_ends_the_step_after_its_checks() -> None:
    fixture = DatabaseFixture()
    step = DatabaseStep(fixture.kube, DryRunPostgres(fixture.postgres), lambda: SecretStr("generated0password"))
    with pytest.raises(WouldChange, match="create or change the role"):
        await step.reconcile(database_registry())
    assert fixture.postgres.changes == []


async def test_a_database_that_is_complete_is_verified() -> None:
    fixture = DatabaseFixture()
    expected = await fixture.step.reconcile(database_registry())
    fixture.forget()
    step = DatabaseStep(fixture.kube, DryRunPostgres(fixture.postgres), lambda: SecretStr("generated0password"))
    assert await step.reconcile(database_registry()) == expected
    assert fixture.is_untouched()


def swift_step(fixture: StorageFixture) -> tuple[StorageStep, ProbedSwift]:
    probed = ProbedSwift(fixture.store, "1")
    rgw = dry_run_rgw(fixture.rgw)
    return StorageStep(
        fixture.kube, Stores(probed.port, S3Fixture().store, rgw), fixture.make_password, FakePostgres()
    ), probed


async def test_a_missing_container_is_probed_in_a_temporary_one() -> None:
    fixture = StorageFixture()
    step, probed = swift_step(fixture)
    assert isinstance(await step.reconcile(registry(swift())), Done)
    assert fixture.store.containers == {"harbor-doctor-1": {}}
    await probed.clean()
    assert fixture.store.containers == {}


async def test_a_container_in_use_is_probed_again_and_its_mark_stays() -> None:
    fixture = StorageFixture()
    await fixture.step.reconcile(registry(swift()))
    before, fixture.store.writes = fixture.mark, []
    step, probed = swift_step(fixture)
    assert isinstance(await step.reconcile(registry(swift())), Done)
    assert "put harbor-operator/probe/chunk" in fixture.store.writes
    await probed.clean()
    assert (fixture.mark, fixture.objects()) == (before, ["harbor-operator/proof"])


async def test_what_an_interrupted_probe_leaves_is_removed() -> None:
    fixture = StorageFixture()
    fixture.store.containers["harbor"] = {}
    step, probed = swift_step(fixture)

    def interrupt() -> None:
        raise Unavailable("interrupted")

    fixture.store.on_generated = interrupt
    with pytest.raises(Unavailable):
        await step.reconcile(registry(swift()))
    assert fixture.objects() == ["harbor-operator/probe/chunk"]
    await probed.clean()
    assert fixture.objects() == []


async def test_a_temporary_container_with_a_late_object_is_reported() -> None:
    fixture = StorageFixture()
    step, probed = swift_step(fixture)
    await step.reconcile(registry(swift()))
    fixture.store.containers["harbor-doctor-1"]["late"] = Stored()
    with pytest.raises(Unavailable, match="'harbor-doctor-1' is not empty"):
        await probed.clean()


async def test_a_container_of_another_owner_is_left_alone() -> None:
    fixture = StorageFixture()
    fixture.mark_as(**{"registry-uid": "other", "cluster": "c", "registry": "a/b"})
    step, probed = swift_step(fixture)
    outcome = await step.reconcile(registry(swift()))
    assert isinstance(outcome, Blocked)
    await probed.clean()
    assert fixture.store.writes == []


async def test_a_user_that_must_be_provisioned_ends_the_step() -> None:
    fixture = StorageFixture().without_login()
    step, _ = swift_step(fixture)
    with pytest.raises(WouldChange, match="the store was not probed"):
        await step.reconcile(registry(swift(provision=PROVISION)))
    assert fixture.rgw.writes == []


async def test_the_proof_of_a_storage_driver_ends_the_step() -> None:
    fixture = ReachabilityFixture()
    deployed(fixture)
    harbor = fixture.harbor
    step = ReachabilityStep(fixture.kube, harbor, harbor, dry_run_images(), lambda: fixture.now)
    with pytest.raises(WouldChange, match="prove the storage"):
        await step.reconcile(with_driver())


def s3_step(fixture: S3Fixture) -> tuple[StorageStep, ProbedS3]:
    probed, other = ProbedS3(fixture.store), StorageFixture()
    stores = Stores(other.store, probed.port, dry_run_rgw(other.rgw))
    return StorageStep(fixture.kube, stores, other.make_password, FakePostgres()), probed


async def test_the_images_of_a_marked_bucket_are_not_checked_again() -> None:
    fixture = S3Fixture()
    own = s3_registry(rootDirectory="files")
    assert isinstance(await fixture.step.reconcile(own), Done)
    fixture.put("files/docker/registry/v2/blobs/x", "segments/2f6/46f636b6572/0000000000000001")
    step, _ = s3_step(fixture)
    assert isinstance(await step.reconcile(own), Done)


async def test_a_bucket_is_probed_and_not_marked() -> None:
    fixture = S3Fixture()
    step, probed = s3_step(fixture)
    assert isinstance(await step.reconcile(s3_registry()), Done)
    await probed.clean()
    assert (list(fixture.objects), fixture.store.uploads) == ([], {})
    fixture.store.buckets.clear()
    outcome = await step.reconcile(s3_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_BUCKET_MISSING
