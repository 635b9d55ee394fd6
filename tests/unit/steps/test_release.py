from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import Metadata
from harbor_operator.outcomes import NOT_REQUESTED, Aspect, Blocked, Done, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.plan.release import ReleaseWish, plan_release, reveal
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.kube import Workload
from harbor_operator.reasons import Reason
from harbor_operator.steps.release import ReleaseStep
from tests.fakes.helm import FakeHelm
from tests.fakes.kube import FakeKube
from tests.fakes.release import (
    ADMIN_PASSWORD,
    CACHE_PASSWORD,
    DATABASE_PASSWORD,
    NAMESPACE,
    STORAGE_PASSWORD,
    chance,
    registry,
)

READY = [Workload("Deployment", "cr-harbor-core", 1, 1, 1, observed=True)]


class World:
    """Secrets, Helm and a clock around one step."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC)
        self.kube = FakeKube()
        self.helm = FakeHelm(self.kube, lambda: self.now)
        self.step = ReleaseStep(self.kube, self.helm, chance(), lambda: self.now)
        self.registry = registry()
        self.kube.put(NAMESPACE, "redis", {"password": CACHE_PASSWORD})
        self.kube.put(NAMESPACE, "swift", {"username": "harbor:registry", "password": STORAGE_PASSWORD})
        self.kube.put(NAMESPACE, "s3-ca", {"ca.crt": "S3-CA\n"})
        self.kube.put(NAMESPACE, "cr-ca", {"ca.crt": "CR-CA\n"})
        login = {"username": "harbor_intra_cr", "password": DATABASE_PASSWORD}
        self.kube.put(NAMESPACE, names.database_secret(self.registry), login, names.owner_labels(self.registry))

    async def converge(self) -> Outcome:
        return await self.step.converge(self.registry)

    async def dismantle(self) -> Outcome:
        return await self.step.dismantle(self.registry)

    def spec(self, version: str = "1.19.1", **spec: Any) -> None:
        self.registry = registry(version, **spec)

    def finish(self, error: str = "", *, recorded: bool = True) -> None:
        self.helm.finish(NAMESPACE, "cr", error, recorded=recorded)

    def workloads(self, *workloads: Workload) -> None:
        self.kube.workloads[NAMESPACE, "release=cr"] = list(workloads)

    async def wish(self) -> ReleaseWish:
        assert self.registry.spec.release
        material = await self.step._material.gather(self.registry, self.registry.spec.release)
        assert not isinstance(material, Blocked)
        made = plan_release(self.registry, self.registry.spec.release, material)
        assert isinstance(made, ReleaseWish)
        return made

    def revisions(self) -> list[str]:
        return [name for _, name in self.kube.secrets if name.startswith("sh.helm")]

    async def deployed(self) -> None:
        await self.converge()
        self.finish()
        self.workloads(*READY)


@pytest.fixture
def world() -> World:
    return World()


async def test_nothing_is_asked_nothing_is_done(world: World) -> None:
    world.spec(release=None)
    assert await world.converge() == await world.dismantle() == NOT_REQUESTED
    assert world.kube.writes == []


def test_waits_for_the_servers_harbor_stands_on(world: World) -> None:
    assert world.step.aspect is Aspect.RELEASE
    assert world.step.needs == (Aspect.DATABASE, Aspect.CACHE, Aspect.STORAGE)


async def test_absent_release_is_installed_and_becomes_done(world: World) -> None:
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING
    assert world.helm.started == ["upgrade intra/cr"]

    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING

    world.finish()
    world.workloads(Workload("Deployment", "cr-harbor-core", 1, 0, 1, observed=True, trouble="image cannot be pulled"))
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY
    assert "'cr-harbor-core': 0 of 1 ready (image cannot be pulled)" in outcome.message

    world.workloads(*READY)
    outcome = await world.converge()
    assert isinstance(outcome, Done)
    assert outcome.facts.chart_version == "1.19.1"
    assert outcome.facts.harbor_version == "2.15.1"
    assert outcome.facts.release_revision == 1


async def test_second_pass_writes_nothing_and_runs_nothing(world: World) -> None:
    await world.deployed()
    assert isinstance(await world.converge(), Done)
    world.kube.writes.clear()
    world.helm.started.clear()
    assert isinstance(await world.converge(), Done)
    assert world.kube.writes == []
    assert world.helm.started == []
    assert len(world.revisions()) == 1


async def test_secrets_hold_what_the_chart_looks_for(world: World) -> None:
    await world.converge()
    assert world.kube.values(NAMESPACE, "hreg-cr-storage-login") == {
        "REGISTRY_STORAGE_SWIFT_PASSWORD": STORAGE_PASSWORD
    }
    assert world.kube.values(NAMESPACE, "hreg-cr-ca-bundle") == {"ca.crt": "CR-CA\nS3-CA\n"}
    assert world.kube.values(NAMESPACE, "hreg-cr-redis-urls")["REGISTRY_REDIS_PASSWORD"] == CACHE_PASSWORD
    assert len(world.kube.values(NAMESPACE, "hreg-cr-pins")["secretKey"]) == 16
    assert world.kube.values(NAMESPACE, "hreg-cr-admin-password")["password"]
    own = names.owner_labels(world.registry)
    for name in ("pins", "admin-password", "storage-login", "ca-bundle", "redis-urls"):
        assert own.items() <= world.kube.secrets[NAMESPACE, f"hreg-cr-{name}"].labels.items()


async def test_a_changed_secret_makes_a_new_revision(world: World) -> None:
    await world.deployed()
    await world.converge()
    world.kube.put(NAMESPACE, "swift", {"username": "harbor:registry", "password": "another-Secret-Key-2"})
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_UPGRADING
    assert outcome.facts.release_revision == 1
    assert world.kube.values(NAMESPACE, "hreg-cr-storage-login").popitem()[1] == "another-Secret-Key-2"
    world.finish()
    outcome = await world.converge()
    assert isinstance(outcome, Done)
    assert outcome.facts.release_revision == 2


async def test_failure_is_told_and_retried_ever_more_slowly(world: World) -> None:
    await world.converge()
    waits = []
    for _ in range(4):
        world.finish("Error: UPGRADE FAILED: no luck")
        outcome = await world.converge()
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.RELEASE_FAILED
        assert "no luck" in outcome.message
        waits.append(outcome.again)
        world.now += timedelta(seconds=outcome.again + 1)
        outcome = await world.converge()
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.RELEASE_UPGRADING
    assert waits == [10.0, 20.0, 40.0, 80.0]
    world.finish()
    world.workloads(*READY)
    assert isinstance(await world.converge(), Done)


async def test_failure_without_a_record_is_held_back_too(world: World) -> None:
    await world.converge()
    world.finish('Error: looks like "https://x" is not a valid chart repository', recorded=False)
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.CHART_UNAVAILABLE
    assert world.helm.started == ["upgrade intra/cr"]
    world.now += timedelta(seconds=11)
    await world.converge()
    assert len(world.helm.started) == 2


async def test_failures_are_remembered_across_a_restart(world: World) -> None:
    await world.converge()
    for _ in range(2):
        world.finish("Error: UPGRADE FAILED: no luck")
        world.now += timedelta(seconds=60)
        await world.converge()
    world.finish("Error: UPGRADE FAILED: no luck")
    world.helm = FakeHelm(world.kube, lambda: world.now)
    world.step = ReleaseStep(world.kube, world.helm, chance(), lambda: world.now)
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.again == pytest.approx(40, abs=1)
    assert "no luck" in outcome.message
    assert world.helm.started == []


async def test_a_changed_wish_is_tried_at_once_after_a_failure(world: World) -> None:
    await world.converge()
    world.finish("Error: INSTALLATION FAILED: no luck")
    world.spec(release={"version": "1.19.1", "values": {"logLevel": "debug"}})
    await world.converge()
    assert len(world.helm.started) == 2


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"])
async def test_a_young_lock_is_left_alone_and_an_old_one_is_cleared(world: World, status: str) -> None:
    world.helm.write_revision(await world.wish(), status)
    world.kube.writes.clear()
    world.now += timedelta(seconds=599)
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_LOCKED
    assert world.kube.writes == []

    world.now += timedelta(seconds=10)
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_LOCKED
    assert "is cleared" in outcome.message
    assert world.kube.writes == ["patch intra/sh.helm.release.v1.cr.v1"]
    assert world.kube.secrets[NAMESPACE, "sh.helm.release.v1.cr.v1"].labels["status"] == "failed"
    assert world.helm.started == []

    await world.converge()
    world.finish()
    world.workloads(*READY)
    assert isinstance(await world.converge(), Done)


async def test_a_lock_is_not_cleared_while_a_child_of_ours_runs(world: World) -> None:
    await world.converge()
    world.helm.write_revision(await world.wish(), "pending-install")
    world.kube.writes.clear()
    world.now += timedelta(hours=5)
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_INSTALLING
    assert world.kube.writes == []


async def test_a_foreign_release_is_refused(world: World) -> None:
    world.helm.write_revision(await world.wish(), "deployed", labels={})
    outcome = await world.converge()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RELEASE_FOREIGN
    assert world.helm.started == []


async def test_an_upgrade_by_hand_is_brought_back(world: World) -> None:
    await world.deployed()
    wish = await world.wish()
    world.helm.write_revision(wish, "deployed", config={**reveal(wish.values), "externalURL": "https://by.hand"})
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_UPGRADING


@pytest.mark.parametrize(
    ("version", "spec", "reason"),
    [
        ("1.16.4", {}, Reason.UPGRADE_REFUSED),
        ("1.19.3", {}, Reason.CHART_VERSION_REFUSED),
        ("1.99.0", {}, Reason.SWIFT_UNSUPPORTED),
        ("1.99.0", {"storage": None}, Reason.CHART_VERSION_UNKNOWN),
        ("1.19.1", {"storage": {"filesystem": {"size": "1Gi"}}}, Reason.STORAGE_TYPE_CHANGED),
        ("1.19.1", {"release": {"version": "1.19.1", "values": {"secretKey": "x"}}}, Reason.VALUES_INVALID),
        ("1.19.1", {"release": {"version": "1.19.1", "values": {"redis": {"type": "x"}}}}, Reason.VALUES_CONFLICT),
    ],
)
async def test_what_must_not_happen_is_blocked(
    world: World, version: str, spec: dict[str, Any], reason: Reason
) -> None:
    await world.deployed()
    world.helm.started.clear()
    world.spec(version, **spec)
    outcome = await world.converge()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert world.helm.started == []


@pytest.mark.parametrize("name", ["redis", "swift", "s3-ca", "cr-ca", "hreg-cr-database-login"])
async def test_a_missing_secret_is_named(world: World, name: str) -> None:
    del world.kube.secrets[NAMESPACE, name]
    with pytest.raises(Refused, match=f"Secret '{name}'") as caught:
        await world.converge()
    assert caught.value.reason is Reason.SECRET_MISSING
    assert world.helm.started == []


async def test_a_missing_key_is_named(world: World) -> None:
    world.kube.put(NAMESPACE, "redis", {"passwort": "x"})
    with pytest.raises(Refused, match="no key 'password'") as caught:
        await world.converge()
    assert caught.value.reason is Reason.SECRET_KEY_MISSING


async def test_values_come_from_secrets_and_config_maps_in_order(world: World) -> None:
    sources = [{"kind": "ConfigMap", "name": "c"}, {"kind": "Secret", "name": "s", "key": "k"}]
    world.spec(release={"version": "1.19.1", "valuesFrom": sources, "values": {"core": {"replicas": 3}}})
    world.kube.config_maps[NAMESPACE, "c"] = {"values.yaml": "core: {replicas: 1}\nportal: {replicas: 1}\n"}
    world.kube.put(NAMESPACE, "s", {"k": "portal: {replicas: 2}\n"})
    wish = await world.wish()
    assert wish.values["core"]["replicas"] == 3
    assert wish.values["portal"]["replicas"] == 2
    del world.kube.config_maps[NAMESPACE, "c"]
    with pytest.raises(Refused, match=r"ConfigMap 'c'.*`spec.release.valuesFrom\[0\]`"):
        await world.converge()


async def test_bad_values_from_a_secret_are_blocked(world: World) -> None:
    sources = [{"kind": "Secret", "name": "s"}]
    world.spec(release={"version": "1.19.1", "valuesFrom": sources})
    world.kube.put(NAMESPACE, "s", {"values.yaml": "a: [hush"})
    outcome = await world.converge()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.VALUES_INVALID
    assert "hush" not in outcome.message


async def test_the_users_admin_password_is_used_and_never_removed(world: World) -> None:
    world.spec(adminPasswordSecretRef={"name": "mine", "key": "word"}, deletionPolicy={"database": "Delete"})
    world.kube.put(NAMESPACE, "mine", {"word": ADMIN_PASSWORD})
    wish = await world.wish()
    assert wish.values["existingSecretAdminPassword"] == "mine"
    assert wish.values["existingSecretAdminPasswordKey"] == "word"
    assert (NAMESPACE, "hreg-cr-admin-password") not in world.kube.secrets
    await world.dismantle()
    assert (NAMESPACE, "mine") in world.kube.secrets


async def test_pins_of_somebody_else_are_refused(world: World) -> None:
    world.kube.put(NAMESPACE, "hreg-cr-pins", {"a": "b"})
    with pytest.raises(Refused):
        await world.converge()


async def test_pins_kept_from_a_deleted_registry_serve_the_next_of_that_name(world: World) -> None:
    await world.deployed()
    await dismantled(world)
    before = world.kube.values(NAMESPACE, "hreg-cr-pins")
    body = {"name": "cr", "namespace": NAMESPACE, "uid": "another"}
    world.registry = world.registry.model_copy(update={"metadata": Metadata.model_validate(body)})
    await world.converge()
    assert world.kube.values(NAMESPACE, "hreg-cr-pins") == before


async def test_unavailable_server_passes_through(world: World) -> None:
    world.kube.down = True
    with pytest.raises(Unavailable):
        await world.converge()


async def test_unreadable_release_is_named(world: World) -> None:
    labels = {"owner": "helm", "name": "cr", "status": "deployed"}
    world.kube.put(NAMESPACE, "sh.helm.release.v1.cr.v1", {"release": "hush"}, labels)
    with pytest.raises(Refused, match=r"'sh\.helm\.release\.v1\.cr\.v1'"):
        await world.converge()


async def dismantled(world: World) -> Outcome:
    for _ in range(5):
        outcome = await world.dismantle()
        if not isinstance(outcome, Pending):
            return outcome
        if world.helm.running(NAMESPACE, "cr"):
            world.finish()
            world.workloads()
    raise AssertionError(outcome)


async def test_dismantling_keeps_the_pins_as_long_as_the_database(world: World) -> None:
    await world.deployed()
    outcome = await dismantled(world)
    assert isinstance(outcome, Done)
    assert "'hreg-cr-pins'" in outcome.message
    assert world.revisions() == []
    left = {name for _, name in world.kube.secrets if name.startswith("hreg-")}
    assert left == {"hreg-cr-pins", "hreg-cr-admin-password", "hreg-cr-database-login"}
    world.kube.writes.clear()
    assert isinstance(await world.dismantle(), Done)
    assert world.kube.writes == []


async def test_dismantling_with_the_database_leaves_nothing_of_ours(world: World) -> None:
    world.spec(deletionPolicy={"database": "Delete"})
    await world.deployed()
    assert isinstance(await dismantled(world), Done)
    assert {name for _, name in world.kube.secrets if name.startswith("hreg-")} == {"hreg-cr-database-login"}
    assert {"redis", "swift", "s3-ca", "cr-ca"} <= {name for _, name in world.kube.secrets}


async def test_a_kept_release_is_not_touched(world: World) -> None:
    await world.deployed()
    world.spec(deletionPolicy={"release": "Retain"})
    world.kube.writes.clear()
    assert isinstance(await world.dismantle(), Done)
    assert world.kube.writes == []
    assert len(world.revisions()) == 1


async def test_dismantling_leaves_a_foreign_release(world: World) -> None:
    world.helm.write_revision(await world.wish(), "deployed", labels={})
    outcome = await world.dismantle()
    assert isinstance(outcome, Done)
    assert "somebody else" in outcome.message
    assert world.helm.started == []
    assert len(world.revisions()) == 1


async def test_a_failed_uninstall_is_told_and_retried(world: World) -> None:
    await world.deployed()
    await world.dismantle()
    world.finish("Error: no luck")
    outcome = await world.dismantle()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_FAILED
    assert "no luck" in outcome.message
    world.now += timedelta(seconds=outcome.again + 1)
    assert isinstance(await dismantled(world), Done)


async def test_dismantling_waits_for_the_workloads_to_go(world: World) -> None:
    await world.deployed()
    await world.dismantle()
    world.finish()
    outcome = await world.dismantle()
    assert isinstance(outcome, Pending)
    assert "'cr-harbor-core'" in outcome.message
    world.workloads()
    assert isinstance(await world.dismantle(), Done)


async def test_many_late_workloads_are_summed_up(world: World) -> None:
    await world.deployed()
    world.workloads(*(Workload("Deployment", f"w{n}", 1, 0, 0, observed=True) for n in range(8)))
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert outcome.message.endswith("and 3 more")
    world.workloads()
    outcome = await world.converge()
    assert isinstance(outcome, Pending)
    assert "'release=cr'" in outcome.message


async def test_no_outcome_ever_shows_a_secret(world: World) -> None:
    outcomes = [await world.converge()]
    secrets = [*(await world.wish()).secrets]
    world.finish("Error: no luck")
    outcomes += [await world.converge()]
    shown = repr([outcomes, world.helm.started, await world.wish()])
    assert not [s for s in secrets if s.get_secret_value() in shown]
