from __future__ import annotations

import pytest
from msgspec.structs import replace

from harbor_operator.api.v1alpha1 import LabelSelector, NamespaceSelection
from harbor_operator.model.injection import Claim
from harbor_operator.model.watch import Kind, Source
from harbor_operator.plan.docker_config import digest_of, encode
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired
from tests.unit.injector.interleaving import SlowCluster, Worker

SECRETS = Source(Kind.SECRETS, NAME)
ACCOUNTS = Source(Kind.ACCOUNTS, "default")


@pytest.fixture
def fixture() -> InjectorFixture:
    return InjectorFixture()


async def test_crash_between_the_two_writes_is_repaired_from_the_lists(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    await fixture.settle()
    fixture.cluster.add_namespace("app")
    await fixture.settle()
    assert fixture.owner("app") == "uid-a"
    fixture.cluster.put_account("app", "default")
    fixture.start()
    fixture.injector.declare(desired())
    await fixture.settle()
    assert fixture.references("app") == (NAME,)


async def test_outage_is_survived(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.cluster.failure = Unavailable("slow down", retry_after=7.0)
    for _ in range(5):
        fixture.feed()
        await fixture.work()
        fixture.clock.now += fixture.injector.queue.next_due() or 0.0
    assert fixture.metrics.written["apply", "unavailable"] >= 2
    fixture.cluster.failure = None
    await fixture.settle()
    assert fixture.references("app") == (NAME,)


async def test_refused_write_is_reported_and_does_not_stop_others(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.cluster.failure = Refused(Reason.RIGHTS_MISSING, "forbidden")
    fixture.feed()
    await fixture.work()
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert [(f.namespace, f.reason, f.message) for f in facts.failures] == [("app", Reason.RIGHTS_MISSING, "forbidden")]
    fixture.cluster.failure = None
    await fixture.settle()
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert (facts.ready, facts.failed) == (1, 0)


async def test_refused_watch_is_raised_to_the_caller(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.injector.watch_refused(SECRETS, Refused(Reason.RIGHTS_MISSING, "watch is forbidden"))
    with pytest.raises(Refused, match="watch is forbidden"):
        fixture.injector.read(CLAIM)


async def test_repairs_happen_at_once(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    before = fixture.clock.now
    fixture.cluster.put_secret("app", NAME, owner="uid-a")
    await fixture.settle(within=0)
    assert fixture.cluster.secrets["app", NAME].digest == digest_of(encode("one"))
    fixture.cluster.put_account("app", "default")
    await fixture.settle(within=0)
    assert fixture.references("app") == (NAME,)
    assert fixture.clock.now == before


async def test_recreated_namespace_is_new(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    for _ in range(10):
        fixture.add_namespace("ci")
        await fixture.settle(within=0)
        assert fixture.references("ci") == (NAME,)
        fixture.cluster.delete_namespace("ci")
        await fixture.settle(within=0)
    assert fixture.metrics.conflicts == 0


async def test_deletion_missed_by_the_watch_is_found_by_the_next_list(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    fixture.cluster.delete_secret("app", NAME)
    fixture.lose(SECRETS)
    await fixture.settle()
    assert fixture.owner("app") is None
    fixture.relist(SECRETS)
    await fixture.settle()
    assert fixture.owner("app") == "uid-a"


async def test_old_event_after_our_own_write_changes_nothing(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    old = fixture.cluster.accounts["app", "default"]
    await fixture.settle()
    fixture.cluster.writes.clear()
    fixture.repeat(ACCOUNTS, old)
    await fixture.settle()
    assert fixture.cluster.writes == []


async def test_failure_in_a_namespace_that_is_deleted_meanwhile_leaves_no_record() -> None:
    cluster = SlowCluster()
    fixture = InjectorFixture(cluster)
    fixture.injector.declare(desired())
    fixture.feed()
    cluster.slow = True
    fixture.add_namespace("app")
    fixture.feed()
    assert fixture.injector.get() == "app"
    worker = Worker("app", fixture.injector.reconcile("app"))
    cluster.delete_namespace("app")
    fixture.feed()
    while not worker.is_done:
        worker.step()
    assert fixture.metrics.written["apply", "stale"] == 1
    assert fixture.injector._store.names() == []


async def test_failed_writes_to_deleted_service_accounts_are_forgotten(fixture: InjectorFixture) -> None:
    """Finding S3: each user who creates service accounts would otherwise add to the record without end."""
    claim = Claim("uid-a", NAME, ("*",))
    fixture.injector.declare(desired(claim))
    fixture.add_namespace("app")
    await fixture.settle()
    for index in range(20):
        fixture.cluster.put_account("app", f"tenant-{index}")
        fixture.cluster.failure = Refused(Reason.ADMISSION_DENIED, "no")
        fixture.feed()
        await fixture.work()
        fixture.cluster.failure = None
        fixture.cluster.delete_account("app", f"tenant-{index}")
        fixture.feed()
    record = fixture.injector._store["app"]
    assert (record.failures, record.errors) == (None, None)


async def test_oversized_labels_keep_what_the_namespace_has(fixture: InjectorFixture) -> None:
    """Finding S3: the labels are not known, so a selection by labels is not decided."""
    selection = NamespaceSelection(selector=LabelSelector(match_labels={"pull": "yes"}))
    fixture.injector.declare(desired(namespaces=selection))
    fixture.add_namespace("app", {"pull": "yes"})
    await fixture.settle()
    known = fixture.cluster.namespaces["app"]
    fixture.cluster.revision += 1
    oversized = replace(known, revision=fixture.cluster.revision, labels={}, oversized=True)
    fixture.injector.observe(Source(Kind.NAMESPACES), oversized)
    await fixture.settle(within=0)
    assert fixture.references("app") == (NAME,)
    fixture.cluster.delete_secret("app", NAME)
    await fixture.settle(within=0)
    assert fixture.owner("app") is None
    fixture.injector.declare(desired())
    await fixture.settle(within=0)
    assert fixture.owner("app") == "uid-a"
