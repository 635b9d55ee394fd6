from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import ConflictPolicy
from harbor_operator.model.injection import Claim
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired


@pytest.fixture
def fixture() -> InjectorFixture:
    return InjectorFixture()


async def test_foreign_entries_are_kept_in_order(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.cluster.add_namespace("app")
    fixture.cluster.put_account("app", "default", ("theirs", "more"))
    await fixture.settle()
    assert fixture.references("app") == ("theirs", "more", NAME)
    fixture.injector.withdraw(CLAIM)
    await fixture.settle()
    assert fixture.references("app") == ("theirs", "more")


async def test_foreign_secret_is_refused_and_gets_no_reference(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.cluster.put_secret("app", NAME)
    await fixture.settle()
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert [failure.reason for failure in facts.failures] == [Reason.FOREIGN_SECRET]
    assert "conflictPolicy" in facts.failures[0].message
    assert fixture.cluster.writes == []
    fixture.cluster.delete_secret("app", NAME)
    await fixture.settle()
    assert fixture.references("app") == (NAME,)


async def test_secret_created_between_event_and_write_is_not_overwritten(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.feed()
    fixture.cluster.put_secret("app", NAME)
    assert await fixture.work()
    assert fixture.owner("app") == ""
    await fixture.settle()
    assert fixture.owner("app") == ""
    assert fixture.references("app") == ()


@pytest.mark.parametrize("immutable", [False, True])
async def test_adopted_secret_is_removed_as_ours(fixture: InjectorFixture, immutable: bool) -> None:
    fixture.injector.declare(desired(policy=ConflictPolicy.ADOPT))
    fixture.add_namespace("app")
    fixture.cluster.put_secret("app", NAME, immutable=immutable)
    await fixture.settle()
    assert fixture.owner("app") == "uid-a"
    assert fixture.cluster.secrets["app", NAME].adopted is not immutable
    fixture.injector.declare(desired(policy=ConflictPolicy.ADOPT, config="two"))
    await fixture.settle()
    assert fixture.cluster.secrets["app", NAME].adopted is not immutable
    fixture.injector.withdraw(CLAIM)
    await fixture.settle()
    assert fixture.owner("app") is None


async def test_two_registries_do_not_overwrite_one_secret(fixture: InjectorFixture) -> None:
    other = Claim("uid-b", NAME, ("default",))
    fixture.injector.declare(desired())
    fixture.injector.declare(desired(other, policy=ConflictPolicy.ADOPT))
    fixture.add_namespace("app")
    await fixture.settle()
    assert fixture.owner("app") == "uid-a"
    facts = fixture.injector.read(other)
    assert facts is not None
    assert facts.failures[0].reason is Reason.SECRET_NAME_TAKEN
    fixture.injector.withdraw(CLAIM)
    await fixture.settle()
    assert fixture.owner("app") == "uid-b"
    assert fixture.references("app") == (NAME,)
    assert fixture.injector.remaining(CLAIM) == 0
    assert not any(write.startswith("delete") for write in fixture.cluster.writes)


async def test_outdated_account_is_patched_after_the_next_event(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.feed()
    fixture.cluster.put_account("app", "default", ("theirs",))
    await fixture.work()
    assert fixture.references("app") == ("theirs",)
    assert fixture.metrics.written["patch", "stale"] == 1
    await fixture.settle()
    assert fixture.references("app") == ("theirs", NAME)


async def test_client_that_keeps_removing_our_entry_causes_no_hot_loop(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    for _ in range(100):
        fixture.cluster.put_account("app", "default")
        await fixture.settle(within=0)
        fixture.clock.now += 0.1
    patches = [write for write in fixture.cluster.writes if write.startswith("patch")]
    assert len(patches) < 10
    assert fixture.metrics.conflicts == 1
    assert [conflict.subject for conflict in fixture.injector.conflicts()] == ["ServiceAccount 'default'"]
    await fixture.settle()
    assert fixture.references("app") == (NAME,)
