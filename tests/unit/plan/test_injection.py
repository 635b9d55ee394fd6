"""One namespace before -> the next writes; `fixture` tests in unit/injector play the whole sequence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harbor_operator.model.injection import ApplySecret, ClaimState, DeleteSecret, NamespaceClaim, PatchServiceAccount
from harbor_operator.model.namespace import NamespaceState, ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.plan.injection import EMPTY_PLAN, has_leftovers, plan_namespace, pull_secrets_for_new_pod
from harbor_operator.reasons import Reason

NAME = "pull"
WANTS = NamespaceClaim("a", NAME, ("default",), ClaimState.ACTIVE, b"right")
LEAVES = replace(WANTS, state=ClaimState.RELEASING)
OURS = ObservedSecret("app", NAME, "uid", 5, owner="a", digest=b"right", labelled=True)
FOREIGN = ObservedSecret("app", NAME, "uid", 5, digest=b"theirs")
PLAIN = ObservedServiceAccount("app", "default", 7, ("theirs",))
ATTACHED = ObservedServiceAccount("app", "default", 7, ("theirs", NAME), (NAME,))


def holding(secret: ObservedSecret | None = None, *accounts: ObservedServiceAccount) -> NamespaceState:
    return NamespaceState(
        ObservedNamespace("app", 1, {}),
        {secret.name: secret} if secret else {},
        {account.name: account for account in accounts},
    )


def test_secret_comes_before_the_reference() -> None:
    assert plan_namespace(holding(None, PLAIN), [WANTS]).actions == (ApplySecret(NAME, "a"),)
    assert plan_namespace(holding(OURS, PLAIN), [WANTS]).actions == (PatchServiceAccount(ATTACHED, attaches=True),)
    done = plan_namespace(holding(OURS, ATTACHED), [WANTS])
    assert done.actions == ()
    assert done.statuses[0].ready


def test_reference_goes_before_the_secret() -> None:
    dropped = PatchServiceAccount(replace(PLAIN, attached=()), attaches=False)
    assert plan_namespace(holding(OURS, ATTACHED), [LEAVES]).actions == (dropped,)
    assert plan_namespace(holding(OURS, PLAIN), [LEAVES]).actions == (DeleteSecret(NAME, "uid"),)
    assert plan_namespace(holding(None, PLAIN), [LEAVES]) == EMPTY_PLAN


@pytest.mark.parametrize(
    "spoilt",
    [replace(OURS, digest=b"edited"), replace(OURS, labelled=False), replace(OURS, adopted=True, digest=b"old")],
)
def test_spoilt_secret_is_repaired_in_place(spoilt: ObservedSecret) -> None:
    assert plan_namespace(holding(spoilt, ATTACHED), [WANTS]).actions == (
        ApplySecret(NAME, "a", adopted=spoilt.adopted, replaces="uid"),
    )


def test_ours_that_cannot_be_changed_is_made_anew() -> None:
    stuck = replace(OURS, digest=b"old", immutable=True)
    assert plan_namespace(holding(stuck, ATTACHED), [WANTS]).actions == (DeleteSecret(NAME, "uid", recreate=True),)


def test_foreign_secret_is_refused_or_adopted() -> None:
    refused = plan_namespace(holding(FOREIGN, PLAIN), [WANTS])
    assert refused.actions == ()
    assert refused.statuses[0].reason is Reason.FOREIGN_SECRET
    adopting = replace(WANTS, adopts=True)
    assert plan_namespace(holding(FOREIGN, PLAIN), [adopting]).actions == (
        ApplySecret(NAME, "a", adopted=True, replaces="uid"),
    )


def test_reference_to_a_foreign_secret_is_left() -> None:
    assert plan_namespace(holding(FOREIGN, ATTACHED), [LEAVES]) == EMPTY_PLAN


def test_dangling_reference_goes_only_if_we_attached_it() -> None:
    theirs = replace(ATTACHED, attached=())
    assert plan_namespace(holding(None, theirs), [LEAVES]) == EMPTY_PLAN
    assert plan_namespace(holding(None, ATTACHED), [LEAVES]).actions == (PatchServiceAccount(PLAIN, attaches=False),)
    assert has_leftovers(holding(None, ATTACHED), LEAVES, [LEAVES])
    assert not has_leftovers(holding(None, theirs), LEAVES, [LEAVES])


def test_successor_takes_the_secret_over_without_a_gap() -> None:
    heir = replace(WANTS, uid="b")
    assert plan_namespace(holding(OURS, ATTACHED), [heir, LEAVES]).actions == (
        ApplySecret(NAME, "b", adopted=False, replaces="uid"),
    )


def test_successor_waits_for_references_only_the_leaver_may_drop() -> None:
    heir = replace(WANTS, uid="b", accounts=("builder",))
    assert plan_namespace(holding(OURS, ATTACHED), [heir, LEAVES]).actions == (
        PatchServiceAccount(PLAIN, attaches=False),
    )


def test_reference_is_dropped_although_a_successor_has_the_secret() -> None:
    heir = replace(WANTS, uid="b", accounts=("builder",))
    inherited = replace(OURS, owner="b")
    dropped = PatchServiceAccount(replace(PLAIN, attached=()), attaches=False)
    assert plan_namespace(holding(inherited, ATTACHED), [heir, LEAVES]).actions == (dropped,)
    theirs = replace(ATTACHED, attached=())
    assert plan_namespace(holding(inherited, theirs), [heir, LEAVES]).actions == ()


def test_secret_of_another_registry_is_never_adopted() -> None:
    other = replace(WANTS, uid="b", adopts=True)
    verdict = plan_namespace(holding(OURS, ATTACHED), [WANTS, other])
    assert verdict.actions == ()
    assert verdict.statuses[1].reason is Reason.SECRET_NAME_TAKEN


def test_two_registries_share_one_patch() -> None:
    other = NamespaceClaim("b", "more", ("*",), ClaimState.ACTIVE, b"right")
    both = holding(OURS, PLAIN)
    both.secrets["more"] = ObservedSecret("app", "more", "uid-2", 5, owner="b", digest=b"right", labelled=True)
    wanted = replace(PLAIN, references=("theirs", NAME, "more"), attached=(NAME, "more"))
    assert plan_namespace(both, [WANTS, other]).actions == (PatchServiceAccount(wanted, attaches=True),)


def test_who_has_not_seen_everything_neither_brings_nor_takes() -> None:
    guard = replace(WANTS, state=ClaimState.SYNCING)
    assert plan_namespace(holding(None, PLAIN), [guard]) == EMPTY_PLAN
    assert plan_namespace(holding(OURS, ATTACHED), [guard, LEAVES]) == EMPTY_PLAN


@pytest.mark.parametrize("observed", [None, ObservedNamespace("app", 1, {}, terminating=True)])
def test_closed_namespace_is_left_alone(observed: ObservedNamespace | None) -> None:
    closed = holding(None, PLAIN)
    closed.observed = observed
    assert plan_namespace(closed, [WANTS]) == EMPTY_PLAN


def test_not_ready_before_the_default_account_has_come() -> None:
    assert not plan_namespace(holding(OURS), [WANTS]).statuses[0].ready
    builder = replace(WANTS, accounts=("builder",))
    assert plan_namespace(holding(OURS), [builder]).statuses[0].ready


def test_a_new_pod_is_offered_what_its_account_refers_to_once_all_is_in_place() -> None:
    assert pull_secrets_for_new_pod(holding(OURS, ATTACHED), WANTS, "default") == ("theirs", NAME)


@pytest.mark.parametrize(
    ("held", "claim", "account"),
    [
        (holding(None, ATTACHED), WANTS, "default"),
        (holding(replace(OURS, digest=b"old"), ATTACHED), WANTS, "default"),
        (holding(replace(OURS, terminating=True), ATTACHED), WANTS, "default"),
        (holding(FOREIGN, ATTACHED), WANTS, "default"),
        (holding(OURS, PLAIN), WANTS, "default"),
        (holding(OURS, ATTACHED), WANTS, "builder"),
        (holding(OURS, replace(ATTACHED, name="builder")), WANTS, "builder"),
        (holding(OURS, ATTACHED), LEAVES, "default"),
        (holding(OURS, ATTACHED), replace(WANTS, state=ClaimState.SYNCING), "default"),
        (
            replace(holding(OURS, ATTACHED), observed=ObservedNamespace("app", 1, {}, terminating=True)),
            WANTS,
            "default",
        ),
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
def test_nothing_is_offered_before(held: NamespaceState, claim: NamespaceClaim, account: str) -> None:
    assert pull_secrets_for_new_pod(held, claim, account) == ()
