"""The ready namespaces, and the new service accounts in a row that an active admission policy failed to mutate."""

from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import NamespaceSelection
from harbor_operator.model.injection import Claim
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired

EVERY = Claim("uid-a", NAME, ("*",))


@pytest.fixture
async def fixture() -> InjectorFixture:
    """A policy has just become active; one namespace is older."""
    fixture = InjectorFixture()
    fixture.add_namespace("older")
    fixture.injector.declare(desired(EVERY))
    await fixture.settle()
    fixture.injector.expect_policy_effect("uid-a", attached=True)
    return fixture


def missed(fixture: InjectorFixture, claim: Claim = EVERY) -> int:
    facts = fixture.injector.read(claim)
    assert facts is not None
    return facts.missed_by_policy


async def create(fixture: InjectorFixture, namespace: str, *references: str) -> None:
    fixture.cluster.add_namespace(namespace)
    fixture.feed()  # two watches have no common order, and only accounts of a known namespace are counted
    fixture.cluster.put_account(namespace, "default", references)
    await fixture.settle()


async def test_accounts_without_the_reference_are_counted_until_one_has_it(fixture: InjectorFixture) -> None:
    await create(fixture, "a")
    await create(fixture, "b", "theirs")
    assert missed(fixture) == 2
    await create(fixture, "c", "theirs", NAME)
    assert missed(fixture) == 0


async def test_an_account_that_is_changed_or_selected_later_is_not_new(fixture: InjectorFixture) -> None:
    fixture.cluster.put_account("older", "default", ())
    fixture.cluster.add_namespace("older", {"team": "a"})
    await fixture.settle()
    assert fixture.references("older") == (NAME,)
    assert missed(fixture) == 0


async def test_an_account_that_is_created_again_is_new(fixture: InjectorFixture) -> None:
    fixture.cluster.delete_account("older", "default")
    fixture.cluster.put_account("older", "default")
    await fixture.settle()
    assert missed(fixture) == 1


async def test_where_a_policy_never_acts_no_effect_is_expected(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired(EVERY, namespaces=NamespaceSelection(exclude=["!kube-*"])))
    await create(fixture, "kube-a")
    assert fixture.references("kube-a") == (NAME,)
    assert missed(fixture) == 0


async def test_accounts_that_no_claim_covers_are_not_counted() -> None:
    fixture = InjectorFixture()
    fixture.injector.declare(desired(CLAIM))
    await fixture.settle()
    fixture.injector.expect_policy_effect("uid-a", attached=True)
    fixture.cluster.add_namespace("app")
    fixture.cluster.put_account("app", "builder")
    await fixture.settle()
    assert missed(fixture, CLAIM) == 0


async def test_accounts_in_the_first_list_are_not_new(fixture: InjectorFixture) -> None:
    fixture.cluster.add_namespace("missed")
    fixture.cluster.put_account("missed", "default")
    fixture.start()
    fixture.injector.declare(desired(EVERY))
    fixture.injector.expect_policy_effect("uid-a", attached=True)
    await fixture.settle()
    assert missed(fixture) == 0


async def test_without_an_active_policy_nothing_is_counted(fixture: InjectorFixture) -> None:
    await create(fixture, "a")
    fixture.injector.expect_policy_effect("uid-a", attached=False)
    await create(fixture, "b")
    assert missed(fixture) == 0


async def test_the_ready_namespaces_are_those_with_secret_and_references() -> None:
    fixture = InjectorFixture()
    assert fixture.injector.ready_namespaces(CLAIM) == []
    fixture.injector.declare(desired())
    fixture.add_namespace("a")
    fixture.add_namespace("foreign")
    fixture.cluster.add_namespace("without-account")
    fixture.cluster.put_secret("foreign", NAME)
    await fixture.settle()
    assert [one.name for one in fixture.injector.ready_namespaces(CLAIM)] == ["a"]
    fixture.injector.declare(desired(config="two"))
    assert fixture.injector.ready_namespaces(CLAIM) == []
    await fixture.settle()
    assert [one.name for one in fixture.injector.ready_namespaces(CLAIM)] == ["a"]
    fixture.injector.withdraw(CLAIM)
    assert fixture.injector.ready_namespaces(CLAIM) == []
