"""State of one namespace -> the next actions; the tests of the injector execute the whole sequence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harbor_operator.model.injection import ApplySecret, ClaimState, DeleteSecret, NamespaceClaim, PatchServiceAccount
from harbor_operator.model.namespace import NamespaceState, ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.plan.injection import EMPTY_PLAN, has_leftovers, plan_namespace, pull_secrets_for_new_pod
from harbor_operator.reasons import Reason

NAME = "pull"
ACTIVE = NamespaceClaim("a", NAME, ("default",), ClaimState.ACTIVE, b"right")
RELEASING = replace(ACTIVE, state=ClaimState.RELEASING)
OURS = ObservedSecret("app", NAME, "uid", 5, owner="a", digest=b"right", labelled=True)
FOREIGN = ObservedSecret("app", NAME, "uid", 5, digest=b"theirs")
PLAIN = ObservedServiceAccount("app", "default", 7, ("theirs",))
ATTACHED = ObservedServiceAccount("app", "default", 7, ("theirs", NAME), (NAME,))


def state(secret: ObservedSecret | None = None, *accounts: ObservedServiceAccount) -> NamespaceState:
    return NamespaceState(
        ObservedNamespace("app", 1, {}),
        {secret.name: secret} if secret else {},
        {account.name: account for account in accounts},
    )


def test_secret_comes_before_the_reference() -> None:
    assert plan_namespace(state(None, PLAIN), [ACTIVE]).actions == (ApplySecret(NAME, "a"),)
    assert plan_namespace(state(OURS, PLAIN), [ACTIVE]).actions == (PatchServiceAccount(ATTACHED, attaches=True),)
    done = plan_namespace(state(OURS, ATTACHED), [ACTIVE])
    assert done.actions == ()
    assert done.statuses[0].ready


def test_reference_goes_before_the_secret() -> None:
    dropped = PatchServiceAccount(replace(PLAIN, attached=()), attaches=False)
    assert plan_namespace(state(OURS, ATTACHED), [RELEASING]).actions == (dropped,)
    assert plan_namespace(state(OURS, PLAIN), [RELEASING]).actions == (DeleteSecret(NAME, "uid"),)
    assert plan_namespace(state(None, PLAIN), [RELEASING]) == EMPTY_PLAN


@pytest.mark.parametrize(
    "changed",
    [replace(OURS, digest=b"edited"), replace(OURS, labelled=False), replace(OURS, adopted=True, digest=b"old")],
)
def test_changed_secret_is_repaired_in_place(changed: ObservedSecret) -> None:
    assert plan_namespace(state(changed, ATTACHED), [ACTIVE]).actions == (
        ApplySecret(NAME, "a", adopted=changed.adopted, replaces="uid"),
    )


def test_our_immutable_secret_is_replaced() -> None:
    immutable = replace(OURS, digest=b"old", immutable=True)
    assert plan_namespace(state(immutable, ATTACHED), [ACTIVE]).actions == (DeleteSecret(NAME, "uid", recreate=True),)


def test_foreign_secret_is_refused_or_adopted() -> None:
    refused = plan_namespace(state(FOREIGN, PLAIN), [ACTIVE])
    assert refused.actions == ()
    assert refused.statuses[0].reason is Reason.FOREIGN_SECRET
    adopting = replace(ACTIVE, adopts=True)
    assert plan_namespace(state(FOREIGN, PLAIN), [adopting]).actions == (
        ApplySecret(NAME, "a", adopted=True, replaces="uid"),
    )


def test_a_secret_that_lost_the_label_of_its_owner_is_named_and_not_written() -> None:
    """Finding F4: a mutating policy removes the label from what the operator has just written."""
    claim, stripped = replace(ACTIVE, registry="intra/cr"), replace(OURS, owner="", registry="intra/cr")
    plan = plan_namespace(state(stripped, ATTACHED), [claim])
    assert plan.actions == ()
    assert plan.statuses[0].reason is Reason.PULL_SECRET_REWRITTEN
    assert "in namespace 'app'" in plan.statuses[0].message
    other = replace(claim, registry="intra/other")
    assert plan_namespace(state(stripped, ATTACHED), [other]).statuses[0].reason is Reason.FOREIGN_SECRET


AGAIN = replace(ACTIVE, uid="b", registry="intra/cr")
RETAINED = replace(OURS, registry="intra/cr")


def test_the_secret_of_an_earlier_registry_of_that_name_is_taken_over() -> None:
    """Finding R7: the registry was restored, or deleted with Retain and created again."""
    plan = plan_namespace(state(RETAINED, ATTACHED), [AGAIN])
    assert plan.actions == (ApplySecret(NAME, "b", adopted=False, replaces="uid"),)
    assert plan.statuses[0].reason is None
    unselected = replace(AGAIN, state=ClaimState.RELEASING)
    assert has_leftovers(state(RETAINED, PLAIN), unselected, [unselected])
    assert plan_namespace(state(RETAINED, PLAIN), [unselected]).actions == (DeleteSecret(NAME, "uid"),)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (OURS, Reason.FOREIGN_SECRET),
        (replace(RETAINED, owner=""), Reason.PULL_SECRET_REWRITTEN),
        (replace(RETAINED, registry="intra/other"), Reason.FOREIGN_SECRET),
    ],
)
def test_the_secret_of_another_registry_or_without_a_uid_is_not_taken_over(
    secret: ObservedSecret, reason: Reason
) -> None:
    """Finding R7."""
    plan = plan_namespace(state(secret, PLAIN), [AGAIN])
    assert plan.actions == ()
    assert plan.statuses[0].reason is reason


def test_the_secret_of_a_registry_that_exists_is_not_taken_over() -> None:
    """Finding R7: the annotation of the Secret is not believed while its owner exists."""
    plan = plan_namespace(state(RETAINED, ATTACHED), [ACTIVE, AGAIN])
    assert plan.actions == ()
    assert [status.reason for status in plan.statuses] == [None, Reason.SECRET_NAME_TAKEN]


def test_reference_to_a_foreign_secret_stays() -> None:
    assert plan_namespace(state(FOREIGN, ATTACHED), [RELEASING]) == EMPTY_PLAN


def test_dangling_reference_is_removed_only_if_we_attached_it() -> None:
    theirs = replace(ATTACHED, attached=())
    assert plan_namespace(state(None, theirs), [RELEASING]) == EMPTY_PLAN
    assert plan_namespace(state(None, ATTACHED), [RELEASING]).actions == (PatchServiceAccount(PLAIN, attaches=False),)
    assert has_leftovers(state(None, ATTACHED), RELEASING, [RELEASING])
    assert not has_leftovers(state(None, theirs), RELEASING, [RELEASING])


def test_successor_takes_the_secret_over_without_a_gap() -> None:
    successor = replace(ACTIVE, uid="b")
    assert plan_namespace(state(OURS, ATTACHED), [successor, RELEASING]).actions == (
        ApplySecret(NAME, "b", adopted=False, replaces="uid"),
    )


def test_successor_waits_for_references_that_only_the_previous_owner_may_remove() -> None:
    successor = replace(ACTIVE, uid="b", accounts=("builder",))
    assert plan_namespace(state(OURS, ATTACHED), [successor, RELEASING]).actions == (
        PatchServiceAccount(PLAIN, attaches=False),
    )


def test_reference_is_removed_although_a_successor_has_the_secret() -> None:
    successor = replace(ACTIVE, uid="b", accounts=("builder",))
    inherited = replace(OURS, owner="b")
    dropped = PatchServiceAccount(replace(PLAIN, attached=()), attaches=False)
    assert plan_namespace(state(inherited, ATTACHED), [successor, RELEASING]).actions == (dropped,)
    theirs = replace(ATTACHED, attached=())
    assert plan_namespace(state(inherited, theirs), [successor, RELEASING]).actions == ()


def test_secret_of_another_registry_is_never_adopted() -> None:
    other = replace(ACTIVE, uid="b", adopts=True)
    plan = plan_namespace(state(OURS, ATTACHED), [ACTIVE, other])
    assert plan.actions == ()
    assert plan.statuses[1].reason is Reason.SECRET_NAME_TAKEN


def test_two_registries_share_one_patch() -> None:
    other = NamespaceClaim("b", "more", ("*",), ClaimState.ACTIVE, b"right")
    both = state(OURS, PLAIN)
    both.secrets["more"] = ObservedSecret("app", "more", "uid-2", 5, owner="b", digest=b"right", labelled=True)
    wanted = replace(PLAIN, references=("theirs", NAME, "more"), attached=(NAME, "more"))
    assert plan_namespace(both, [ACTIVE, other]).actions == (PatchServiceAccount(wanted, attaches=True),)


def test_a_syncing_claim_neither_adds_nor_removes() -> None:
    syncing = replace(ACTIVE, state=ClaimState.SYNCING)
    assert plan_namespace(state(None, PLAIN), [syncing]) == EMPTY_PLAN
    assert plan_namespace(state(OURS, ATTACHED), [syncing, RELEASING]) == EMPTY_PLAN


@pytest.mark.parametrize("observed", [None, ObservedNamespace("app", 1, {}, terminating=True)])
def test_inactive_namespace_gets_no_action(observed: ObservedNamespace | None) -> None:
    closed = state(None, PLAIN)
    closed.observed = observed
    assert plan_namespace(closed, [ACTIVE]) == EMPTY_PLAN


def test_not_ready_before_the_default_account_exists() -> None:
    assert not plan_namespace(state(OURS), [ACTIVE]).statuses[0].ready
    builder = replace(ACTIVE, accounts=("builder",))
    assert plan_namespace(state(OURS), [builder]).statuses[0].ready


def test_a_new_pod_gets_the_references_of_its_account_once_all_is_in_place() -> None:
    assert pull_secrets_for_new_pod(state(OURS, ATTACHED), ACTIVE, "default") == ("theirs", NAME)


@pytest.mark.parametrize(
    ("observed", "claim", "account"),
    [
        (state(None, ATTACHED), ACTIVE, "default"),
        (state(replace(OURS, digest=b"old"), ATTACHED), ACTIVE, "default"),
        (state(replace(OURS, terminating=True), ATTACHED), ACTIVE, "default"),
        (state(FOREIGN, ATTACHED), ACTIVE, "default"),
        (state(OURS, PLAIN), ACTIVE, "default"),
        (state(OURS, ATTACHED), ACTIVE, "builder"),
        (state(OURS, replace(ATTACHED, name="builder")), ACTIVE, "builder"),
        (state(OURS, ATTACHED), RELEASING, "default"),
        (state(OURS, ATTACHED), replace(ACTIVE, state=ClaimState.SYNCING), "default"),
        (
            replace(state(OURS, ATTACHED), observed=ObservedNamespace("app", 1, {}, terminating=True)),
            ACTIVE,
            "default",
        ),
    ],
    ids=[
        "no Secret",
        "old",
        "terminating",
        "foreign",
        "no reference",
        "no account",
        "not covered",
        "releasing",
        "syncing",
        "terminating namespace",
    ],
)
def test_a_new_pod_gets_nothing_before(observed: NamespaceState, claim: NamespaceClaim, account: str) -> None:
    assert pull_secrets_for_new_pod(observed, claim, account) == ()


def test_oversized_account_is_reported_and_not_patched() -> None:
    oversized = ObservedServiceAccount("app", "default", 7, oversized=True)
    plan = plan_namespace(state(OURS, oversized), [ACTIVE])
    assert plan.actions == ()
    assert plan.statuses[0].reason is Reason.NAMESPACES_FAILED
    assert "service account 'default' in namespace 'app'" in plan.statuses[0].message
    assert "shorten the list" in plan.statuses[0].message
    assert plan_namespace(state(OURS, oversized), [replace(ACTIVE, accounts=("builder",))]).statuses[0].ready


def test_oversized_account_does_not_delay_a_release() -> None:
    oversized = ObservedServiceAccount("app", "default", 7, oversized=True)
    assert plan_namespace(state(OURS, oversized), [RELEASING]).actions == (DeleteSecret(NAME, "uid"),)
    assert not has_leftovers(state(None, oversized), RELEASING, [RELEASING])


def test_an_account_that_opts_out_gets_no_reference_and_loses_ours() -> None:
    out = replace(PLAIN, opted_out=True)
    done = plan_namespace(state(OURS, out), [ACTIVE])
    assert done.actions == ()
    assert done.statuses[0].ready
    attached = replace(ATTACHED, opted_out=True)
    assert plan_namespace(state(OURS, attached), [ACTIVE]).actions == (PatchServiceAccount(out, attaches=False),)


def test_an_account_that_opts_out_keeps_a_reference_of_its_owner() -> None:
    theirs = replace(ATTACHED, attached=(), opted_out=True)
    assert plan_namespace(state(OURS, theirs), [ACTIVE]).actions == ()


def test_the_removal_of_a_registry_also_removes_what_an_account_that_opted_out_still_has() -> None:
    theirs = replace(ATTACHED, attached=(), opted_out=True)
    dropped = PatchServiceAccount(replace(theirs, references=("theirs",)), attaches=False)
    assert plan_namespace(state(OURS, theirs), [RELEASING]).actions == (dropped,)
