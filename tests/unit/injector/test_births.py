"""Accounts that a policy should have given their reference, and did not, are counted in a row."""

from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import NamespaceSelection
from harbor_operator.model.injection import Claim
from tests.unit.injector.world import CLAIM, NAME, World, desired

EVERY = Claim("uid-a", NAME, ("*",))


@pytest.fixture
async def world() -> World:
    """A policy has just come into force over a namespace that is older."""
    world = World()
    world.add_namespace("older")
    world.injector.declare(desired(EVERY))
    await world.settle()
    world.injector.expect_policy_effect("uid-a", attached=True)
    return world


def missed(world: World, claim: Claim = EVERY) -> int:
    facts = world.injector.read(claim)
    assert facts is not None
    return facts.missed_by_policy


async def bear(world: World, namespace: str, *references: str) -> None:
    world.cluster.add_namespace(namespace)
    world.feed()  # no order between two views is promised, and only accounts of a known namespace are counted
    world.cluster.put_account(namespace, "default", references)
    await world.settle()


async def test_those_that_come_without_are_counted_until_one_comes_with(world: World) -> None:
    await bear(world, "a")
    await bear(world, "b", "theirs")
    assert missed(world) == 2
    await bear(world, "c", "theirs", NAME)
    assert missed(world) == 0


async def test_one_that_is_stripped_or_selected_later_was_born_long_ago(world: World) -> None:
    world.cluster.put_account("older", "default", ())
    world.cluster.add_namespace("older", {"team": "a"})
    await world.settle()
    assert world.references("older") == (NAME,)
    assert missed(world) == 0


async def test_one_that_is_made_anew_is_born_again(world: World) -> None:
    world.cluster.delete_account("older", "default")
    world.cluster.put_account("older", "default")
    await world.settle()
    assert missed(world) == 1


async def test_where_a_policy_never_acts_nothing_is_expected(world: World) -> None:
    world.injector.declare(desired(EVERY, namespaces=NamespaceSelection(exclude=[])))
    await bear(world, "kube-a")
    assert world.references("kube-a") == (NAME,)
    assert missed(world) == 0


async def test_what_is_not_selected_is_not_expected_to_be_attached() -> None:
    world = World()
    world.injector.declare(desired(CLAIM))
    await world.settle()
    world.injector.expect_policy_effect("uid-a", attached=True)
    world.cluster.add_namespace("app")
    world.cluster.put_account("app", "builder")
    await world.settle()
    assert missed(world, CLAIM) == 0


async def test_a_list_after_a_restart_is_no_birth(world: World) -> None:
    world.cluster.add_namespace("missed")
    world.cluster.put_account("missed", "default")
    world.start()
    world.injector.declare(desired(EVERY))
    world.injector.expect_policy_effect("uid-a", attached=True)
    await world.settle()
    assert missed(world) == 0


async def test_without_a_policy_in_force_nothing_is_counted(world: World) -> None:
    await bear(world, "a")
    world.injector.expect_policy_effect("uid-a", attached=False)
    await bear(world, "b")
    assert missed(world) == 0
