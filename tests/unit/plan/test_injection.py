"""One namespace before -> the next writes; `world` tests in unit/injector play the whole sequence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harbor_operator.plan.holding import AccountSeen, Holding, NamespaceSeen, SecretSeen
from harbor_operator.plan.injection import (
    NOTHING,
    ApplySecret,
    DeleteSecret,
    PatchAccount,
    Stake,
    Stance,
    is_held,
    offered_to,
    plan_namespace,
)
from harbor_operator.reasons import Reason

NAME = "pull"
WANTS = Stake("a", NAME, ("default",), Stance.WANTS, b"right")
LEAVES = replace(WANTS, stance=Stance.LETS_GO)
OURS = SecretSeen("app", NAME, "uid", 5, owner="a", digest=b"right", labelled=True)
FOREIGN = SecretSeen("app", NAME, "uid", 5, digest=b"theirs")
PLAIN = AccountSeen("app", "default", 7, ("theirs",))
ATTACHED = AccountSeen("app", "default", 7, ("theirs", NAME), (NAME,))


def holding(secret: SecretSeen | None = None, *accounts: AccountSeen) -> Holding:
    return Holding(
        NamespaceSeen("app", 1, {}),
        {secret.name: secret} if secret else {},
        {account.name: account for account in accounts},
    )


def test_secret_comes_before_the_reference() -> None:
    assert plan_namespace(holding(None, PLAIN), [WANTS]).writes == (ApplySecret(NAME, "a"),)
    assert plan_namespace(holding(OURS, PLAIN), [WANTS]).writes == (PatchAccount(ATTACHED, adds=True),)
    done = plan_namespace(holding(OURS, ATTACHED), [WANTS])
    assert done.writes == ()
    assert done.standings[0].ready


def test_reference_goes_before_the_secret() -> None:
    dropped = PatchAccount(replace(PLAIN, attached=()), adds=False)
    assert plan_namespace(holding(OURS, ATTACHED), [LEAVES]).writes == (dropped,)
    assert plan_namespace(holding(OURS, PLAIN), [LEAVES]).writes == (DeleteSecret(NAME, "uid"),)
    assert plan_namespace(holding(None, PLAIN), [LEAVES]) == NOTHING


@pytest.mark.parametrize(
    "spoilt",
    [replace(OURS, digest=b"edited"), replace(OURS, labelled=False), replace(OURS, adopted=True, digest=b"old")],
)
def test_spoilt_secret_is_repaired_in_place(spoilt: SecretSeen) -> None:
    assert plan_namespace(holding(spoilt, ATTACHED), [WANTS]).writes == (
        ApplySecret(NAME, "a", adopted=spoilt.adopted, replaces="uid"),
    )


def test_ours_that_cannot_be_changed_is_made_anew() -> None:
    stuck = replace(OURS, digest=b"old", fixed=True)
    assert plan_namespace(holding(stuck, ATTACHED), [WANTS]).writes == (DeleteSecret(NAME, "uid", remakes=True),)


def test_foreign_secret_is_refused_or_adopted() -> None:
    refused = plan_namespace(holding(FOREIGN, PLAIN), [WANTS])
    assert refused.writes == ()
    assert refused.standings[0].reason is Reason.FOREIGN_SECRET
    adopting = replace(WANTS, adopts=True)
    assert plan_namespace(holding(FOREIGN, PLAIN), [adopting]).writes == (
        ApplySecret(NAME, "a", adopted=True, replaces="uid"),
    )


def test_reference_to_a_foreign_secret_is_left() -> None:
    assert plan_namespace(holding(FOREIGN, ATTACHED), [LEAVES]) == NOTHING


def test_dangling_reference_goes_only_if_we_attached_it() -> None:
    theirs = replace(ATTACHED, attached=())
    assert plan_namespace(holding(None, theirs), [LEAVES]) == NOTHING
    assert plan_namespace(holding(None, ATTACHED), [LEAVES]).writes == (PatchAccount(PLAIN, adds=False),)
    assert is_held(holding(None, ATTACHED), LEAVES, [LEAVES])
    assert not is_held(holding(None, theirs), LEAVES, [LEAVES])


def test_successor_takes_the_secret_over_without_a_gap() -> None:
    heir = replace(WANTS, uid="b")
    assert plan_namespace(holding(OURS, ATTACHED), [heir, LEAVES]).writes == (
        ApplySecret(NAME, "b", adopted=False, replaces="uid"),
    )


def test_successor_waits_for_references_only_the_leaver_may_drop() -> None:
    heir = replace(WANTS, uid="b", accounts=("builder",))
    assert plan_namespace(holding(OURS, ATTACHED), [heir, LEAVES]).writes == (PatchAccount(PLAIN, adds=False),)


def test_reference_is_dropped_although_a_successor_has_the_secret() -> None:
    heir = replace(WANTS, uid="b", accounts=("builder",))
    inherited = replace(OURS, owner="b")
    dropped = PatchAccount(replace(PLAIN, attached=()), adds=False)
    assert plan_namespace(holding(inherited, ATTACHED), [heir, LEAVES]).writes == (dropped,)
    theirs = replace(ATTACHED, attached=())
    assert plan_namespace(holding(inherited, theirs), [heir, LEAVES]).writes == ()


def test_secret_of_another_registry_is_never_adopted() -> None:
    other = replace(WANTS, uid="b", adopts=True)
    verdict = plan_namespace(holding(OURS, ATTACHED), [WANTS, other])
    assert verdict.writes == ()
    assert verdict.standings[1].reason is Reason.SECRET_NAME_TAKEN


def test_two_registries_share_one_patch() -> None:
    other = Stake("b", "more", ("*",), Stance.WANTS, b"right")
    both = holding(OURS, PLAIN)
    both.secrets["more"] = SecretSeen("app", "more", "uid-2", 5, owner="b", digest=b"right", labelled=True)
    wanted = replace(PLAIN, references=("theirs", NAME, "more"), attached=(NAME, "more"))
    assert plan_namespace(both, [WANTS, other]).writes == (PatchAccount(wanted, adds=True),)


def test_who_has_not_seen_everything_neither_brings_nor_takes() -> None:
    guard = replace(WANTS, stance=Stance.GUARDS)
    assert plan_namespace(holding(None, PLAIN), [guard]) == NOTHING
    assert plan_namespace(holding(OURS, ATTACHED), [guard, LEAVES]) == NOTHING


@pytest.mark.parametrize("seen", [None, NamespaceSeen("app", 1, {}, terminating=True)])
def test_closed_namespace_is_left_alone(seen: NamespaceSeen | None) -> None:
    closed = holding(None, PLAIN)
    closed.seen = seen
    assert plan_namespace(closed, [WANTS]) == NOTHING


def test_not_ready_before_the_default_account_has_come() -> None:
    assert not plan_namespace(holding(OURS), [WANTS]).standings[0].ready
    builder = replace(WANTS, accounts=("builder",))
    assert plan_namespace(holding(OURS), [builder]).standings[0].ready


def test_a_new_pod_is_offered_what_its_account_refers_to_once_all_is_in_place() -> None:
    assert offered_to(holding(OURS, ATTACHED), WANTS, "default") == ("theirs", NAME)


@pytest.mark.parametrize(
    ("held", "stake", "account"),
    [
        (holding(None, ATTACHED), WANTS, "default"),
        (holding(replace(OURS, digest=b"old"), ATTACHED), WANTS, "default"),
        (holding(replace(OURS, leaving=True), ATTACHED), WANTS, "default"),
        (holding(FOREIGN, ATTACHED), WANTS, "default"),
        (holding(OURS, PLAIN), WANTS, "default"),
        (holding(OURS, ATTACHED), WANTS, "builder"),
        (holding(OURS, replace(ATTACHED, name="builder")), WANTS, "builder"),
        (holding(OURS, ATTACHED), LEAVES, "default"),
        (holding(OURS, ATTACHED), replace(WANTS, stance=Stance.GUARDS), "default"),
        (replace(holding(OURS, ATTACHED), seen=NamespaceSeen("app", 1, {}, terminating=True)), WANTS, "default"),
    ],
    ids=[
        "no Secret",
        "old",
        "leaving",
        "foreign",
        "no reference",
        "no account",
        "not covered",
        "leaves",
        "guards",
        "end",
    ],
)
def test_nothing_is_offered_before(held: Holding, stake: Stake, account: str) -> None:
    assert offered_to(held, stake, account) == ()
